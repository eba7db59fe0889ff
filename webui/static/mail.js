// The mail form: finding the servers, getting a provider's permission, and trying the account with what stands there.
"use strict";

const show = (place, lines, kind) => {
  place.replaceChildren(...lines.filter(Boolean).map((line) => {
    const paragraph = document.createElement("p");
    paragraph.append(line);
    return paragraph;
  }));
  place.className = `${place.className.replace(/ (good|bad)\b/g, "")} ${kind}`.trim();
  place.hidden = false;
};

const link = (url) => {
  const found = document.createElement("a");
  Object.assign(found, { href: url, textContent: url, target: "_blank", rel: "noopener noreferrer" });
  return found;
};

// Disables the button while it works; what goes wrong is said in the place.
const onClick = (button, place, work) => button.addEventListener("click", async () => {
  button.disabled = true;
  try {
    await work();
  } catch (problem) {
    show(place, [problem.message], "bad");
  }
  button.disabled = false;
});

const post = (path, form, more = {}) => {
  const body = new FormData(form);
  for (const [name, value] of Object.entries(more)) body.set(name, value);
  return ask(path, { method: "POST", body });
};

for (const button of document.querySelectorAll("[data-test]")) {
  const form = button.closest("form");
  const verdict = form.querySelector(".verdict");
  onClick(button, verdict, async () => {
    show(verdict, ["Logging in at the mail server …"], "");
    const { ok, message, hint } = await post(button.dataset.test, form);
    show(verdict, [[message, hint].filter(Boolean).join(" ")], ok ? "good" : "bad");
  });
}

for (const button of document.querySelectorAll("[data-find]")) {
  const form = button.closest("form");
  const found = form.querySelector(".found");
  onClick(button, found, async () => {
    show(found, ["Looking …"], "");
    const answer = await post(button.dataset.find, form);
    if (!answer.ok) return show(found, [answer.message, answer.hint], "bad");
    for (const [name, value] of Object.entries(answer.values)) {
      const field = form.elements.namedItem(name);
      if (field) field.value = value;
    }
    const whose = answer.asked ? `${answer.title}, as ${answer.asked} says. Look whether that can be right.` : answer.title;
    const words = { app: "It wants a password made for programs:", oauth2: "It takes no password from programs:", usual: "" };
    show(found, [whose, words[answer.password], ...answer.steps, answer.url ? link(answer.url) : ""], "good");
    if (answer.password === "oauth2") form.querySelector(".permission").open = true;
  });
}

for (const button of document.querySelectorAll("[data-permit]")) {
  const form = button.closest("form");
  const place = form.querySelector(".permitted");
  onClick(button, place, async () => {
    const question = await post(button.dataset.permit, form);
    if (!question.ok) return show(place, [question.message, question.hint], "bad");
    show(place, [`Type the code ${question.code} at this page, and say yes there:`, link(question.url)], "");
    const until = Date.now() + question.lasts * 1000;
    while (Date.now() < until) {
      await new Promise((done) => setTimeout(done, question.every * 1000));
      const answer = await post(button.dataset.permit, form, { device_code: question.device_code });
      if (!answer.ok) return show(place, [answer.message, answer.hint], "bad");
      if (answer.granted) return show(place, ["The permission is kept. Mail begins anew with it in a few seconds."], "good");
    }
    show(place, ["The time is up. Begin once more."], "bad");
  });
}
