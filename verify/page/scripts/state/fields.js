// Fields take numbers as people write them: 1/3, -0.5, 1e-3. What is refused stays in its field,
// with the reason beside it.

const LARGEST = 1e100; // squares and products of larger ones leave float64 at once
const SHARE = /^([-+]?\d{1,15})\s*\/\s*([-+]?\d{1,15})$/;
const DECIMAL = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
const shortened = (text) => (text.length > 24 ? `${text.slice(0, 23)}…` : text);

// {value, text} of what was typed, or {why}. A fraction keeps its text: the float is not all of it.
function readNumber(typed, { least, most, above, whole } = {}) {
  const text = String(typed).trim().replace(/[−–]/g, "-");
  if (text === "") return { why: "Nothing stands here; a number is needed." };
  const parts = SHARE.exec(text);
  if (!parts && /^[-+]?\d*,\d+$/.test(text)) return { why: `Write the decimal comma as a point: ${text.replace(",", ".")}.` };
  if (!parts && !DECIMAL.test(text)) return { why: `“${shortened(text)}” is no number; 1/3, -0.5 and 1e-3 are.` };
  if (parts && Number(parts[2]) === 0) return { why: `${text} divides by 0.` };
  const value = (parts ? Number(parts[1]) / Number(parts[2]) : Number(text)) || 0;
  if (!(Math.abs(value) <= LARGEST)) return { why: `${shortened(text)} is too large: numbers go up to 1e100.` };
  if (value === 0 && /[1-9]/.test(text.split(/[e/]/i)[0])) return { why: `${shortened(text)} is too small for float64.` };
  if (whole && !Number.isInteger(value)) return { why: `${shortened(text)} is no whole number.` };
  if (above !== undefined && !(value > above)) return { why: `It must be above ${above}.` };
  if ((least !== undefined && value < least) || (most !== undefined && value > most)) {
    return { why: most === undefined ? `It must be at least ${least}.` : `It goes from ${least} to ${most}.` };
  }
  const sign = parts && Number(parts[2]) < 0;
  const [p, q] = parts ? [Number(parts[1]) * (sign ? -1 : 1), Math.abs(Number(parts[2]))] : [];
  return { value, text: parts && p % q !== 0 ? `${p}/${q}` : String(value) };
}

// The number under this key as it was typed, if it is still that number; else as a decimal.
function written(key, value) {
  const text = app.typed.get(key);
  return text !== undefined && readNumber(text).value === value ? text : String(value);
}

// A number for a file: a fraction as text, anything else as a number.
function exactly(key, value) {
  const text = written(key, value);
  return text.includes("/") ? text : value;
}

const whyId = (key) => `why-${key.replace(/[^\w-]/g, "-")}`;

// An input for the number under `key`; `data` are its attributes.
function field(key, value, data, label) {
  const refused = app.refused.get(key);
  return `<input type="text" autocomplete="off" autocapitalize="off" spellcheck="false" value="${
    escapeText(refused ? refused.text : written(key, value))}" ${data} data-field="${key}" data-focus="${key}"${
    label ? ` aria-label="${label}"` : ""}${refused ? ` aria-invalid="true" aria-describedby="${whyId(key)}"` : ""}>`;
}

// Why what stands in the field is refused, to be put beside it.
function why(key, about = "") {
  const refused = app.refused.get(key);
  return refused ? `<span class="why" id="${whyId(key)}">${about}${escapeText(refused.why)}</span>` : "";
}

// What was typed under `key`, with its value to `take`; or it is refused and nothing else changes.
function offer(key, typed, limits, take) {
  const read = readNumber(typed, limits);
  if (read.why !== undefined) {
    app.refused.set(key, { text: typed, why: read.why });
    announce(read.why);
    render();
    return;
  }
  app.refused.delete(key);
  app.typed.set(key, read.text);
  take(read.value);
}

// Read out by screen readers; seen beside the field.
function announce(text) {
  let place = byId("announced");
  if (!place) {
    document.body.insertAdjacentHTML("beforeend", '<p id="announced" class="unseen" role="status"></p>');
    place = byId("announced");
  }
  place.textContent = text;
}
