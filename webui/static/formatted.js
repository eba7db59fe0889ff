// Text to elements: paragraphs, lists, headings, code, bold. Everything goes in as text, never as markup.
"use strict";

function element(name, text = "", className = "") {
  const made = document.createElement(name);
  if (text) made.textContent = text;
  if (className) made.className = className;
  return made;
}

function inline(into, text) {
  for (const part of text.split(/(`[^`\n]+`|\*\*[^*\n]+\*\*)/)) {
    if (/^`.+`$/.test(part)) into.append(element("code", part.slice(1, -1)));
    else if (/^\*\*.+\*\*$/.test(part)) into.append(element("b", part.slice(2, -2)));
    else if (part) into.append(document.createTextNode(part));
  }
  return into;
}

const kinds = [
  { is: /^\s*[-*•]\s+/, list: "ul" },
  { is: /^\s*\d{1,3}[.)]\s+/, list: "ol" },
];

function paragraph(lines) {
  const made = element("p");
  lines.forEach((line, index) => {
    if (index) made.append(element("br"));
    inline(made, line);
  });
  return made;
}

function block(into, lines) {
  let plain = [];
  const flush = () => { if (plain.length) into.append(paragraph(plain)); plain = []; };
  for (const line of lines) {
    const kind = kinds.find((one) => one.is.test(line));
    const heading = /^#{1,6}\s+(.+)/.exec(line);
    if (!kind && !heading) { plain.push(line); continue; }
    flush();
    if (heading) { into.append(inline(element("h3"), heading[1])); continue; }
    let list = into.lastElementChild;
    if (list?.localName !== kind.list) {
      list = element(kind.list);
      if (kind.list === "ol") list.start = parseInt(line, 10);
      into.append(list);
    }
    list.append(inline(element("li"), line.replace(kind.is, "")));
  }
  flush();
}

// The text as a fragment of elements.
function formatted(text) {
  const made = document.createDocumentFragment();
  text.split(/^```.*$/m).forEach((part, index) => {
    if (index % 2) {
      const pre = element("pre");
      pre.append(element("code", part.replace(/^\n|\n$/g, "")));
      made.append(pre);
      return;
    }
    const box = element("div");
    for (const lines of part.split(/\n{2,}/)) block(box, lines.split("\n").filter((line) => line.trim()));
    made.append(...box.childNodes);
  });
  return made;
}
