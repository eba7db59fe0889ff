// The chat's traffic: history, sending, following an answer. A reload finds everything again.
"use strict";

const form = document.getElementById("ask");
const field = document.getElementById("text");
const trouble = document.getElementById("trouble");
const threadKey = `thread ${talk.dataset.person}`;
const draftKey = `draft ${talk.dataset.person}`;

// Not crypto.randomUUID: browsers have it on encrypted pages only.
const newName = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
const nearEnd = () => innerHeight + scrollY > document.documentElement.scrollHeight - 160;
const toEnd = () => scrollTo(0, document.documentElement.scrollHeight);

function say(problem) {
  trouble.textContent = problem;
  trouble.hidden = !problem;
}

function follow(messageId, answer) {
  answer.thinks("Thinking");
  const mood = setInterval(async () => {
    if (answer.text || document.hidden) return;
    const { sentence } = await ask("/chat/mood").catch(() => ({ sentence: "Waiting for the house" }));
    answer.thinks(sentence);
  }, 2500);
  const stream = new EventSource(`/chat/${messageId}/events`);
  const stop = () => { clearInterval(mood); stream.close(); };
  stream.onopen = () => answer.beginsAnew();
  stream.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    const follows = nearEnd();
    if (event.piece) answer.grows(event.piece);
    if (event.reset) { answer.beginsAnew(); answer.thinks("Beginning again"); }
    if (event.reply) { stop(); answer.is(event.reply); }
    if (event.refused !== undefined) { stop(); answer.failed(event.refused || "This was not answered."); }
    if (event.problem) { answer.beginsAnew(); answer.thinks(event.problem); }
    if (follows) toEnd();
  };
  stream.onerror = () => {
    if (stream.readyState !== EventSource.CLOSED) return;
    stop();
    setTimeout(() => follow(messageId, answer), 4000);
  };
}

function show(exchange) {
  question(exchange.text);
  const answer = new Answer();
  if (exchange.reply) answer.is(exchange.reply);
  else if (exchange.state === "refused") answer.failed(exchange.reason || "This was not answered.");
  else follow(exchange.id, answer);
}

const pause = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

async function begin() {
  for (;;) {
    try {
      const { exchanges } = await ask("/chat/history");
      say("");
      document.getElementById("empty").hidden = exchanges.length > 0;
      exchanges.forEach(show);
      return toEnd();
    } catch (problem) {
      say(problem.message);
      await pause(3000);
    }
  }
}

async function send(text) {
  const name = newName();
  const thread = localStorage.getItem(threadKey) || name;
  const slip = question(text);
  const answer = new Answer();
  answer.thinks("Sending");
  document.getElementById("empty").hidden = true;
  toEnd();
  for (let patience = 0; ; patience += 1) {
    try {
      const body = JSON.stringify({ id: name, thread, text });
      const { id } = await ask("/chat", { method: "POST", body, headers: { "Content-Type": "application/json" } });
      localStorage.setItem(threadKey, thread);
      localStorage.removeItem(draftKey);
      return follow(id, answer);
    } catch (problem) {
      if (patience < 5) {  // the same name again: what did arrive is not asked twice
        answer.thinks("The house does not answer yet; I try again");
        await pause(1500);
        continue;
      }
      slip.remove();
      answer.bubble.remove();
      field.value = text;
      return say(problem.message);
    }
  }
}

// What was said before comes first, also when somebody is quicker than the house.
const ready = begin();

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  await ready;
  const text = field.value.trim();
  if (!text) return;
  say("");
  field.value = "";
  send(text);
});

field.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  form.requestSubmit();
});

field.addEventListener("input", () => localStorage.setItem(draftKey, field.value));
field.value = localStorage.getItem(draftKey) ?? "";

for (const idea of document.querySelectorAll("[data-idea]")) {
  idea.addEventListener("click", () => { field.value = idea.dataset.idea; field.focus(); });
}

document.getElementById("fresh").addEventListener("click", () => {
  localStorage.removeItem(threadKey);
  if (!talk.lastElementChild?.matches(".topic")) talk.append(element("p", "A new topic", "quiet topic"));
  field.focus();
  toEnd();
});
