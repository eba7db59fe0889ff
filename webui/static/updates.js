// A model from this computer: sent piece by piece, so that a gigabyte survives a sleeping telephone and a restart of the box.
"use strict";

const bring = document.getElementById("bring");
const chosen = document.getElementById("model");
const bar = bring.querySelector("progress");
const word = document.getElementById("brought");
const PATIENCE = 20;  // tries of a piece

const rest = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });
const json = (body) => ({ method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });

const begin = (file) => ask("/updates/files", json({ name: file.name, size: file.size }));

// One piece more, however often the line breaks; how far the file is then.
async function sendPiece(file, arrival) {
  for (let tries = 1; ; tries += 1) {
    const piece = file.slice(arrival.done, arrival.done + Number(bring.dataset.piece));
    const options = { method: "POST", body: piece, headers: { "Content-Type": "application/octet-stream" } };
    try {
      return await ask(`/updates/files/${arrival.id}?offset=${arrival.done}`, options);
    } catch (problem) {
      if (tries === PATIENCE) throw problem;
      word.textContent = `${problem.message} I try again.`;
      await rest(3000);
      // Perhaps it did arrive, and only the answer was lost.
      const known = await begin(file).catch(() => arrival);
      if (known.done !== arrival.done) return known;
    }
  }
}

async function send(file) {
  chosen.disabled = true;
  bar.hidden = false;
  try {
    let arrival = await begin(file);
    while (arrival.done < file.size) {
      bar.value = arrival.done / file.size;
      word.textContent = `Sending ${file.name}: ${Math.floor(100 * arrival.done / file.size)} %`;
      arrival = await sendPiece(file, arrival);
    }
    await ask(`/updates/files/${arrival.id}/finish`, json({}));
    word.textContent = `${file.name} has come. How it does is said above.`;
  } catch (problem) {
    word.textContent = `${problem.message} Choose the file again; it goes on where it ended.`;
  }
  bar.hidden = true;
  chosen.disabled = false;
  chosen.value = "";
}

chosen.addEventListener("change", () => { if (chosen.files.length) send(chosen.files[0]); });
