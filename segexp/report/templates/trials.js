const controls = document.getElementById("trials");
const panes = [...document.querySelectorAll(".pane[data-kind=trial]")];
const truths = [...document.querySelectorAll(".pane[data-kind=truth]")];
const legends = [...document.querySelectorAll(".legend[data-mapping]")];

function arrange() {
  const chosen = (name) => controls.querySelector(`[name=${name}]`)?.value ?? "";
  const mapping = chosen("mapping"), part = chosen("part"), by = chosen("order");
  const key = { score: ({ dataset }) => -dataset.score, number: ({ dataset }) => +dataset.number }[by];
  for (const pane of panes) {
    const { dataset } = pane;
    pane.hidden = (mapping && dataset.mapping !== mapping) || (part && dataset.part !== part);
  }
  const shown = panes.filter((pane) => !pane.hidden);
  const there = new Set(shown.map((pane) => pane.dataset.mapping));
  for (const each of [...truths, ...legends]) each.hidden = !there.has(each.dataset.mapping);
  for (const pane of [...panes].sort((a, b) => key(a) - key(b))) pane.parentElement.append(pane);
  const named = (list) => new Set(list.map(({ dataset }) => `${dataset.part}/${dataset.name}`)).size;
  controls.querySelector("output").textContent = `${named(shown)} of ${named(panes)} trials`;
}

controls.onchange = arrange;
controls.hidden = false;
arrange();
