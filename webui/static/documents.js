// Teaching the house: files by drop or choice, one after the other, each with its progress and what became of it.
"use strict";

const drop = document.getElementById("upload");
const chosen = document.getElementById("files");
const progress = document.getElementById("progress");
const waiting = [];
let busy = false;

function line(name) {
  const row = document.createElement("li");
  const box = document.createElement("div");
  box.className = "grow";
  const title = document.createElement("b");
  title.textContent = name;
  const bar = document.createElement("progress");
  bar.max = 1;
  bar.value = 0;
  const words = document.createElement("p");
  words.className = "quiet";
  words.textContent = "Waiting";
  box.append(title, bar, words);
  row.append(box);
  progress.append(row);
  return {
    moves(share) {
      if (share < 1) bar.value = share; else bar.removeAttribute("value");
      words.textContent = share < 1 ? "Sending" : "Reading";
    },
    ends(sentence, good) {
      bar.remove();
      words.textContent = sentence;
      words.classList.toggle("bad", !good);
    },
  };
}

function outcome(request) {
  let body = {};
  try { body = JSON.parse(request.responseText); } catch { /* the server's own words are no JSON */ }
  if (request.status === 413 && !body.error) return ["That is too large.", false];
  if (request.status >= 400) return [[body.error?.message, body.error?.hint].filter(Boolean).join(" ") || "That did not work. Try again.", false];
  if (body.already) return ["The house has this already.", true];
  const passages = `${body.passages} passage${body.passages === 1 ? "" : "s"}`;
  return [body.pages > 1 ? `${passages} from ${body.pages} pages` : passages, true];
}

// XMLHttpRequest, because fetch does not say how much was sent.
function upload({ file, audience, shown }) {
  return new Promise((resolve) => {
    const body = new FormData();
    body.append("audience", audience);
    body.append("file", file);
    const request = new XMLHttpRequest();
    request.upload.onprogress = (event) => shown.moves(event.loaded / event.total);
    request.onload = () => { shown.ends(...outcome(request)); resolve(); };
    request.onerror = () => { shown.ends("The house did not take it. Is it switched on, and the file not too large?", false); resolve(); };
    request.open("POST", "/documents");
    request.setRequestHeader("X-CSRF-Token", csrf());
    request.setRequestHeader("Accept", "application/json");
    request.send(body);
  });
}

async function showAll() {
  const page = new DOMParser().parseFromString(await (await fetch("/documents")).text(), "text/html");
  const fresh = page.getElementById("documents");
  if (fresh) document.getElementById("documents").replaceChildren(...document.importNode(fresh, true).childNodes);
}

async function work() {
  if (busy) return;
  busy = true;
  while (waiting.length) await upload(waiting.shift());
  busy = false;
  await showAll();
}

function take(files) {
  const largest = Number(drop.dataset.largest);
  const audience = drop.querySelector("[name=audience]:checked").value;
  for (const file of files) {
    const shown = line(file.name);
    if (file.size > largest * 1e6) shown.ends(`That is larger than ${largest} MB. Split it, or save it with smaller pictures.`, false);
    else waiting.push({ file, audience, shown });
  }
  work();
}

chosen.addEventListener("change", () => { take([...chosen.files]); chosen.value = ""; });
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
for (const name of ["dragleave", "drop"]) {
  document.addEventListener(name, (event) => { event.preventDefault(); drop.classList.remove("over"); });
}
document.addEventListener("drop", (event) => take([...event.dataTransfer.files]));
