import { element } from "./dom.js";

const TOKEN = /("(?:\\.|[^"\\])*")(\s*:)?|[{}[\],]|[^\s{}[\],:"]+/g;
const MOST_COLOURED = 200_000;

/**
 * JSON laid out for reading. It is never parsed into numbers: what the service wrote is what is shown,
 * to the last digit.
 */
export function pretty(text) {
  const out = document.createDocumentFragment();
  const coloured = text.length <= MOST_COLOURED;
  let depth = 0;
  let line = "";
  const put = (piece, kind) => {
    if (!coloured || !kind) {
      line += piece;
      return;
    }
    out.append(line, element("span", { class: `json-${kind}` }, piece));
    line = "";
  };
  const tokens = [...text.matchAll(TOKEN)];
  tokens.forEach(([token, string, colon], place) => {
    const next = tokens[place + 1]?.[0];
    if (token === "{" || token === "[") {
      const empty = next === (token === "{" ? "}" : "]");
      depth += 1;
      put(empty ? token : `${token}\n${"  ".repeat(depth)}`);
    } else if (token === "}" || token === "]") {
      const empty = ["{", "["].includes(tokens[place - 1]?.[0]);
      depth -= 1;
      put(empty ? token : `\n${"  ".repeat(depth)}${token}`);
    } else if (token === ",") {
      put(`,\n${"  ".repeat(depth)}`);
    } else if (colon) {
      put(string, "key");
      put(": ");
    } else {
      put(token, string ? "string" : "literal");
    }
  });
  out.append(line);
  return out;
}
