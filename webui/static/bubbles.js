// What the chat puts on the page: a question, an answer that grows, the cards of its sources.
"use strict";

const talk = document.getElementById("talk");

function icon(name) {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(space, "use");
  use.setAttribute("href", `${talk.dataset.icons}#${name}`);
  svg.append(use);
  return svg;
}

function sourceCard(source) {
  const card = element("li");
  const title = element("b");
  const place = source.page ? `${source.document}, page ${source.page}` : source.document;
  title.append(icon(source.kind === "memory" ? "chat" : "documents"), place || "What we said before");
  card.append(title, element("p", source.excerpt));
  return card;
}

// What an owner can say of an answer: a new model has to give one as good, or this one was bad.
function judging(id) {
  const fold = element("details", "", "judging");
  const summary = element("summary", "⋯");
  summary.setAttribute("aria-label", "What about this answer?");
  const said = element("p", "", "quiet");
  said.setAttribute("role", "status");
  const button = (label, path, body, done) => {
    const made = element("button", label, "plain");
    made.type = "button";
    made.addEventListener("click", async () => {
      made.disabled = true;
      const options = { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } };
      said.textContent = await ask(path, options).then(done, (problem) => problem.message);
      made.disabled = false;
    });
    return made;
  };
  const kept = ({ must }) => `Kept: every new model is asked this${must.length ? `, and must say ${must.join(", ")}` : ""}. The page Updates has more.`;
  fold.append(
    summary,
    button("Good: keep it as a test question", "/updates/questions", { id }, kept),
    button("Bad", "/updates/bad-answer", { id }, () => "Noted. If a new model is on trial, that counts against it."),
    said,
  );
  return fold;
}

class Answer {
  constructor() {
    this.text = "";
    this.bubble = element("div", "", "answered");
    const face = element("img");
    face.src = "/static/nisse.svg";
    face.alt = "Nisse";
    this.body = element("div", "", "answer");
    this.bubble.append(face, this.body);
    talk.append(this.bubble);
  }

  thinks(sentence) {
    if (!this.text) this.body.replaceChildren(element("p", sentence, "thinking"));
  }

  grows(piece) {
    this.text += piece;
    this.body.classList.add("growing");
    this.body.replaceChildren(formatted(this.text));
  }

  beginsAnew() {
    this.text = "";
    this.body.classList.remove("growing");
  }

  is(reply) {
    this.beginsAnew();
    this.body.replaceChildren(formatted(reply.text));
    if (reply.sources.length) {
      const cards = element("ul", "", "sources");
      cards.append(...reply.sources.map(sourceCard));
      this.body.append(cards);
    }
    if (talk.dataset.judges) this.body.append(judging(reply.id));
  }

  failed(why) {
    this.beginsAnew();
    this.body.replaceChildren(element("p", why, "notice bad"));
  }
}

function question(text) {
  const slip = element("div", text, "asked");
  talk.append(slip);
  return slip;
}
