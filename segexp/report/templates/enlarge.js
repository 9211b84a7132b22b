const dialog = document.getElementById("enlarged");
let opened = null;
const large = dialog.appendChild(new Image());
function enlarge(button) {
  opened = button;
  const picture = button.querySelector("img");
  large.src = picture.src;
  large.alt = picture.alt.replace("; enlarge", "");
  dialog.querySelector("output").textContent = large.alt;
  offer(button);
  if (!dialog.open) dialog.showModal();
}
// The picture as large as it was, where the file is there: MLflow shows the page alone.
function offer(button) {
  const link = dialog.querySelector("a"), file = new Image();
  link.hidden = true;
  if (!button.dataset.full || location.protocol === "blob:") return;
  file.onload = () => {
    if (opened !== button) return;
    link.href = button.dataset.full;
    link.textContent = `full size, ${file.naturalWidth} x ${file.naturalHeight} pixels`;
    link.hidden = false;
  };
  file.src = button.dataset.full;
}
function beside(step) {
  const all = [...opened.closest(".panes").querySelectorAll(".pane:not([hidden]) .enlarge")];
  enlarge(all[(all.indexOf(opened) + step + all.length) % all.length]);
}
for (const button of document.querySelectorAll(".enlarge")) button.onclick = () => enlarge(button);
for (const button of dialog.querySelectorAll("button"))
  button.onclick = () => (button.value ? beside(Number(button.value)) : dialog.close());
dialog.onkeydown = ({ key }) => {
  if (key === "ArrowLeft" || key === "ArrowRight") beside(key === "ArrowLeft" ? -1 : 1);
};
dialog.onclose = () => opened.focus();
