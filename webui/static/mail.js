// Trying the mail account with what stands in the form.
"use strict";

for (const button of document.querySelectorAll("[data-test]")) {
  const form = button.closest("form");
  const verdict = form.querySelector(".verdict");
  const say = (text, kind) => {
    verdict.textContent = text;
    verdict.className = `verdict notice ${kind}`;
    verdict.hidden = false;
  };
  button.addEventListener("click", async () => {
    button.disabled = true;
    say("Logging in at the mail server …", "");
    try {
      const { ok, message, hint } = await ask(button.dataset.test, { method: "POST", body: new FormData(form) });
      say([message, hint].filter(Boolean).join(" "), ok ? "good" : "bad");
    } catch (problem) {
      say(problem.message, "bad");
    }
    button.disabled = false;
  });
}
