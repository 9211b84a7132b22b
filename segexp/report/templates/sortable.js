let memory = null;  // MLflow shows pages in a frame that has none
try { memory = sessionStorage; } catch { /* a filter is then forgotten */ }
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0], rows = [...body.rows];
  const box = document.createElement("input");
  box.className = "filter";
  box.type = "search";
  box.placeholder = "filter the rows: words that all occur in them";
  box.setAttribute("aria-label", box.placeholder);
  table.parentElement.before(box);
  const filter = () => {
    const words = box.value.toLowerCase().split(/\s+/);
    for (const row of rows) {
      const text = `${row.textContent} ${row.title}`.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  };
  const kept = `filter ${location.pathname}`;  // for a page that loads itself again
  box.value = memory?.getItem(kept) ?? "";
  box.oninput = () => { memory?.setItem(kept, box.value); filter(); };
  filter();
  const headings = [...table.tHead.rows[table.tHead.rows.length - 1].cells];
  headings.forEach((heading, column) => {
    const sort = () => {
      const isUp = heading.getAttribute("aria-sort") === "ascending";
      for (const each of headings) each.setAttribute("aria-sort", "none");
      heading.setAttribute("aria-sort", isUp ? "descending" : "ascending");
      const of = (row) => row.cells[column].textContent.trim();
      const compare = (a, b) => isNaN(a - b) ? a.localeCompare(b) : a - b;
      rows.sort((a, b) => {
        const [x, y] = [of(a), of(b)];
        if (x === "-" || y === "-") return (x === "-") - (y === "-");  // what is not there is last
        return isUp ? compare(y, x) : compare(x, y);
      });
      body.append(...rows);
    };
    heading.tabIndex = 0;
    heading.setAttribute("aria-sort", "none");
    heading.onclick = sort;
    heading.onkeydown = (event) => { if (event.key === "Enter") sort(); };
  });
}
