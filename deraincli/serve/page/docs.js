// Shows the OpenAPI description of the server, without scripts from elsewhere.

const element = (tag, text, parent) => {
  const made = Object.assign(document.createElement(tag), {textContent: text.replaceAll("`", "")});
  parent.append(made);
  return made;
};

function table(rows, parent) {
  const body = element("tbody", "", element("table", "", parent));
  for (const [name, ...cells] of rows) {
    const row = element("tr", "", body);
    element("code", name, element("th", "", row));
    for (const cell of cells) element("td", cell, row);
  }
}

// The values that an option takes, in words.
function values(schema) {
  const kinds = schema.anyOf ?? [schema];
  return kinds.filter(({type}) => type !== "null")
    .map(({enum: names, type, minimum, maximum}) => names?.join(", ") ?? (minimum === undefined ? type : `${minimum} to ${maximum}`)).join(" or ");
}

const description = await (await fetch("openapi.json")).json();
for (const [path, methods] of Object.entries(description.paths)) {
  for (const [method, {description: text, parameters = [], requestBody, responses}] of Object.entries(methods)) {
    const section = element("section", "", document.getElementById("operations"));
    element("code", `${method.toUpperCase()} ${path}`, element("h2", "", section));
    element("p", text, section);
    if (requestBody) element("p", requestBody.description, section);
    if (parameters.length) table(parameters.map(({name, schema, description}) => [name, values(schema), description ?? schema.description ?? ""]), section);
    if (method === "post") {
      element("h3", "Answers", section);
      table(Object.entries(responses).map(([status, {description}]) => [status, description]), section);
      element("pre", `curl --data-binary @in.jpg ${location.origin}${path} > out.jpg`, section);
    }
  }
}
