const controls = document.getElementById("gallery");
const { models, colors, images } = JSON.parse(document.getElementById("gallery-numbers").textContent);
const scenes = [...document.querySelectorAll(".scene")];
const pane = (scene, kind, model) =>
  scene.querySelector(`.pane[data-kind=${kind}][data-model="${model}"]`);

// Two predictions on one another: A on the left of the slider, B on the right.
const swipes = scenes.map((scene) => {
  const box = document.createElement("div"), under = new Image(), over = new Image();
  const slider = document.createElement("input"), caption = document.createElement("span");
  box.className = "pane swipe";
  caption.className = "caption";
  Object.assign(slider, { type: "range", min: 0, max: 100, value: 50 });
  const cut = () => {
    over.style.clipPath = `inset(0 0 0 ${slider.value}%)`;
    slider.setAttribute("aria-valuetext", `${slider.value}% A, ${100 - slider.value}% B`);
  };
  slider.oninput = cut;
  cut();
  const pair = document.createElement("div");
  pair.className = "pair";
  pair.append(under, over);
  box.append(caption, pair, slider);
  scene.querySelector(".panes").append(box);
  return (other) => {
    const [a, b] = [0, other].map((model) => pane(scene, "model", model).querySelector("img"));
    under.src = a.src;
    over.src = b.src;
    under.alt = a.alt.replace("; enlarge", "");
    over.alt = b.alt.replace("; enlarge", "");
    caption.textContent = `swipe: ${models[0]} | ${models[other]}`;
    slider.setAttribute("aria-label", `Swipe between A and B: ${scene.ariaLabel}`);
  };
});

const chosen = (name) => controls.querySelector(`[name=${name}]`);
function arrange() {
  const other = Number(chosen("other").value), name = chosen("class").value;
  const order = chosen("order").value;
  // What each model loses on an image: the share of wrong pixels, or 1 - IoU of the class.
  const of = (image) => (name === "" ? image.wrong : image.iou.map((row) => row[name]));
  const lost = (value) => (name === "" ? value : 1 - value);
  const rows = scenes.map((scene, i) => {
    const said = of(images[i]);
    return { scene, i, said, lost: said.map(lost) };
  });
  const shown = rows.filter((row) => row.said[0] !== null);
  for (const row of rows) row.scene.hidden = row.said[0] === null;
  for (const row of shown) row.gain = row.lost[0] - row.lost[other];
  const gains = shown.map((row) => row.gain).sort((a, b) => a - b), half = gains.length >> 1;
  const median = gains.length % 2 ? gains[half] : (gains[half - 1] + gains[half]) / 2;
  const key = {
    difference: (row) => -Math.abs(row.gain), gain: (row) => -row.gain, loss: (row) => row.gain,
    "worst-a": (row) => -row.lost[0], "worst-b": (row) => -row.lost[other],
    median: (row) => Math.abs(row.gain - median),
  }[order];
  shown.sort((a, b) => key(a) - key(b) || a.i - b.i);
  const place = document.getElementById("enlarged");
  for (const { scene, i, said } of shown) {
    place.before(scene);
    swipes[i](other);
    for (const each of scene.querySelectorAll(".pane[data-kind=difference]"))
      each.hidden = Number(each.dataset.model) !== other;
    const text = models.map((model, j) =>
      `${model}: ${name === "" ? `${(100 * said[j]).toFixed(1)}%` : said[j].toFixed(3)}`);
    const title = chosen("class").selectedOptions[0].textContent;
    scene.querySelector(".said").textContent =
      `${name === "" ? "wrong pixels of" : `IoU of ${title},`} ${text.join("; ")}`;
  }
  controls.querySelector("output").textContent = `${shown.length} of ${scenes.length} images`;
}

// The class under the pointer by its colour: those of some classes are hard to tell apart.
for (const each of document.querySelectorAll(".pane[data-kind=truth], .pane[data-kind=model]")) {
  const picture = each.querySelector("img"), name = document.createElement("span");
  name.className = "under";
  name.hidden = true;
  picture.after(name);
  let pixels = null;
  const read = () => {
    const { naturalWidth: width, naturalHeight: height } = picture;
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    const context = canvas.getContext("2d");
    context.drawImage(picture, 0, 0);
    return context.getImageData(0, 0, width, height);
  };
  picture.onpointermove = ({ offsetX, offsetY }) => {
    pixels ??= read();
    const { width, height, data } = pixels;
    const place = (at, shown, own) => Math.max(0, Math.min(own - 1, Math.floor(at / shown * own)));
    const x = place(offsetX, picture.clientWidth, width);
    const y = place(offsetY, picture.clientHeight, height), at = 4 * (y * width + x);
    name.textContent = colors[data.slice(at, at + 3).join()] ?? "void, not scored";
    name.hidden = false;
  };
  picture.onpointerleave = () => {
    name.hidden = true;
    pixels = null;
  };
}

controls.onchange = arrange;
controls.hidden = false;
arrange();
