// MLflow shows a page in a frame with an address of its own: it finds no file beside it, and may open
// nothing. A link would put an empty page in the place of this one, so only its text is shown.
if (location.protocol === "blob:")
  for (const link of document.querySelectorAll("a[href]:not([href^='#'])")) {
    const to = link.getAttribute("href"), isFile = !/#|^\w+:/.test(to);
    link.replaceWith(isFile ? `${link.textContent} (${to})` : link.textContent);
  }
