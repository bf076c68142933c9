"use strict";
const el = (tag, attributes = {}, ...children) => {
  const node = Object.assign(document.createElement(tag), attributes);
  node.append(...children);
  return node;
};
const name = (schema) => {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(name).join(" or ");
  if (schema.type === "array") return `list of ${name(schema.items) || "any"}`;
  if (schema.enum) return schema.enum.join(" | ");
  return [schema.type, schema.format, schema.pattern].filter(Boolean).join(" ") || "any";
};
const table = (heads, rows) => el("table", {},
  el("tr", {}, ...heads.map((head) => el("th", { textContent: head }))),
  ...rows.map((row) => el("tr", {}, ...row.map((cell) => el("td", { textContent: cell })))));

const operation = (path, method, item, root) => {
  const body = el("div", { className: "body" });
  if (item.parameters.length) {
    body.append(el("h3", { textContent: "Parameters" }), table(["name", "in", "", "type"],
      item.parameters.map((p) => [p.name, p.in, p.required ? "required" : "", name(p.schema)])));
  }
  if (item.requestBody) {
    body.append(el("h3", { textContent: "Body" }), el("p", { textContent: name(item.requestBody.content["application/json"].schema) }));
  }
  body.append(el("h3", { textContent: "Answers" }), table(["status", "", "shape"],
    Object.entries(item.responses).map(([status, answer]) => [status, answer.description,
      Object.entries(answer.content || {}).map(([kind, media]) => `${kind}: ${name(media.schema)}`).join(", ")])));
  return el("details", {}, el("summary", {},
    el("span", { className: `method ${method.toUpperCase()}`, textContent: method.toUpperCase() }),
    el("span", { className: "path", textContent: root + path }),
    el("span", { className: "what", textContent: item.summary })), body);
};

const shape = (title, schema) => el("details", { id: title }, el("summary", {},
  el("span", { className: "path", textContent: title }), el("span", { className: "what", textContent: schema.description || "" })),
  el("div", { className: "body" }, table(["field", "", "type"], Object.entries(schema.properties || {}).map(
    ([field, value]) => [field, (schema.required || []).includes(field) ? "required" : "", name(value)]))));

fetch("/api/openapi.json").then((answer) => answer.json()).then((api) => {
  const root = new URL(api.servers[0].url).pathname;
  document.getElementById("lead").textContent = api.info.description;
  document.getElementById("hello").textContent =
    `curl -H 'Authorization: Bearer YOUR-TOKEN' '${api.servers[0].url}/locations?latitude=50.94&longitude=6.96'`;
  const groups = {};
  for (const [path, item] of Object.entries(api.paths)) {
    for (const [method, entry] of Object.entries(item)) {
      (groups[entry.tags[0]] ||= []).push(operation(path, method, entry, root));
    }
  }
  const list = document.getElementById("operations");
  for (const [tag, entries] of Object.entries(groups)) {
    list.append(el("h2", { textContent: tag === "partner" ? "For demand partners" : "For administrators" }), ...entries);
  }
  document.getElementById("shapes").append(...Object.entries(api.components.schemas).map(([title, schema]) => shape(title, schema)));
});
