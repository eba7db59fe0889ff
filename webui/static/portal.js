// What several pages use: showing a password, fetching a region again, closing the menu.
"use strict";

const csrf = () => document.querySelector("meta[name=csrf]")?.content ?? "";

// Asks our own server as a script; throws an Error with a sentence for people.
async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { "X-CSRF-Token": csrf(), Accept: "application/json", ...options.headers } });
  } catch {
    throw new Error("The house does not answer. Is it switched on, and are you at home?");
  }
  const body = await answer.json().catch(() => ({}));
  if (answer.status === 401) location.assign("/login");
  if (!answer.ok) throw new Error([body.error?.message, body.error?.hint].filter(Boolean).join(" ") || "That did not work. Try again.");
  return body;
}

for (const button of document.querySelectorAll("[data-shows]")) {
  button.addEventListener("click", () => {
    const field = document.getElementById(button.dataset.shows);
    const shown = field.type === "text";
    field.type = shown ? "password" : "text";
    button.textContent = shown ? "Show" : "Hide";
    button.setAttribute("aria-pressed", String(!shown));
    field.focus();
  });
}

// A region with data-refresh="SECONDS" is fetched again while somebody looks; where the page has moved on, so do we.
async function refresh(region) {
  const answer = await fetch(location.href).catch(() => null);
  if (answer?.redirected) return location.assign(answer.url);
  if (!answer?.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const fresh = page.querySelector("[data-refresh]");
  if (!fresh) return location.reload();
  region.replaceChildren(...document.importNode(fresh, true).childNodes);
}

for (const region of document.querySelectorAll("[data-refresh]")) {
  setInterval(() => { if (!document.hidden) refresh(region); }, Number(region.dataset.refresh) * 1000);
}

document.addEventListener("click", (event) => {
  const menu = document.querySelector("details.more[open]");
  if (menu && !menu.contains(event.target)) menu.open = false;
});

// A form is sent once, however often somebody taps.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "1";
  });
}
window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));
