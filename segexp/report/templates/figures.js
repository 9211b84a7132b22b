// Draws the figures of a page: in the colours of the reader's scheme, and again where the scheme
// or the width changes, and for paper. plotly.js stands in the page deflated, in base 85.
(async () => {
  const told = (id) => document.getElementById(id);
  const plots = document.querySelectorAll(".plot");
  const packed = told("plotly");
  const script = document.createElement("script");
  script.textContent = await inflated(packed.textContent, Number(packed.dataset.bytes));
  document.head.append(script);

  const dark = matchMedia("screen and (prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 820px)"); // the labels of seven bars fit above that
  let isPrinted = false;
  const colors = JSON.parse(told("colors-in-dark").textContent);
  const config = {
    displaylogo: false,
    responsive: true,
    // Only these: among plotly's own is one that uploads the chart.
    modeBarButtons: [["toImage", "resetScale2d"]],
  };
  const colored = (key, value) =>
    dark.matches && !isPrinted && typeof value === "string" ? colors[value] ?? value : value;
  const draw = () => {
    for (const plot of plots) {
      const figure = JSON.parse(told(plot.id + "-data").textContent, colored);
      const isNarrow = narrow.matches || isPrinted;
      const { data, layout } = { ...figure.wide, ...(isNarrow ? figure.narrow : {}) };
      // Paper has no window whose width plotly could take: 7 inches, half for one of a grid.
      if (isPrinted) layout.width = plot.closest(".grid") ? 330 : 680;
      plot.style.height = layout.height + "px";
      Plotly.react(plot, data, layout, config);
    }
  };
  for (const plot of plots) plot.replaceChildren();
  draw();
  dark.onchange = narrow.onchange = draw;
  addEventListener("beforeprint", () => { isPrinted = true; draw(); });
  addEventListener("afterprint", () => { isPrinted = false; draw(); });

  async function inflated(text, bytes) {
    const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!#$%&()*+-;,=>?@^_`{|}~";
    const values = new Uint8Array(128);
    [...digits].forEach((digit, value) => { values[digit.charCodeAt(0)] = value; });
    const words = new DataView(new ArrayBuffer((text.length / 5) * 4));
    for (let i = 0; i < text.length; i += 5) {
      let word = 0;
      for (let j = i; j < i + 5; j++) word = word * 85 + values[text.charCodeAt(j)];
      words.setUint32((i / 5) * 4, word);
    }
    const whole = new Blob([words.buffer.slice(0, bytes)]).stream();
    return new Response(whole.pipeThrough(new DecompressionStream("deflate"))).text();
  }
})();
