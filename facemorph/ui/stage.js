// Runs once in the browser, with `element`, `props` and `watch` given by gr.HTML.
const language = /^zh-(CN|TW)$/.test(navigator.language) ? "zh" : "en";
const words = props.texts[language];
const find = (selector) => element.querySelector(selector);
const stage = find(".stage"), gif = find(".gif"), canvas = find(".frame"), slider = find(".position");
const play = find(".play"), alpha = find(".alpha"), caption = find(".caption");
const PLAY = "M7 5v14l12-7z", PAUSE = "M7 5h4v14H7zM13 5h4v14h-4z";

let frames = [], alphas = [], arrival = 0;
let changes = 0, asked = 0, shown = 0;  // of photos and faces: up to now, to the last request, to the morph in view

find(".empty").textContent = words.empty;
find("label").textContent = words.position;
gif.alt = words.animation;
canvas.setAttribute("aria-label", words.frame);
find(".earlier").textContent = words.earlier;
show("nothing");

function show(what) {
  stage.dataset.show = what;
  const playing = what === "gif";
  play.setAttribute("aria-label", playing ? words.pause : words.play);
  find(".shape").setAttribute("d", playing ? PAUSE : PLAY);
  alpha.textContent = what === "frame" ? "α " + alphas[Number(slider.value)].toFixed(2) : "";
}

function compare() {
  stage.classList.toggle("outdated", shown !== changes);
}

function drawFrame() {
  const index = Number(slider.value);
  canvas.getContext("2d").drawImage(frames[index], 0, 0);
  slider.setAttribute("aria-valuetext", "α " + alphas[index].toFixed(2));
  show("frame");
}

async function decoded(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return createImageBitmap(image);
}

async function receive(value) {
  if (!value) return;
  const mine = ++arrival;
  const [bitmaps] = await Promise.all([Promise.all(value.frames.map(decoded)), loaded(value.gif.url)]);
  if (mine !== arrival) return bitmaps.forEach((bitmap) => bitmap.close());
  frames.forEach((bitmap) => bitmap.close());
  frames = bitmaps;
  alphas = value.alphas;
  canvas.width = frames[0].width;
  canvas.height = frames[0].height;
  slider.max = frames.length - 1;
  slider.value = Math.floor((frames.length - 1) / 2);
  slider.disabled = play.disabled = false;
  gif.src = value.gif.url;
  caption.textContent = value.caption;
  shown = asked;
  compare();
  drawFrame();
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) show("gif");
  stage.dataset.frames = frames.length;
}

function loaded(url) {
  const image = new Image();
  image.src = url;
  return image.decode();
}

slider.addEventListener("input", drawFrame);
play.addEventListener("click", () => (stage.dataset.show === "gif" ? drawFrame() : show("gif")));
stage.addEventListener("photo", () => { changes += 1; compare(); });
stage.addEventListener("ask", () => { asked = changes; });
watch("value", () => receive(props.value));
receive(props.value);
