// What a checker of accessibility looks at first, computed in the page itself: contrast, names, headings, landmarks, lists, ids.
function accessibility(doc) {
  const view = doc.defaultView, bad = [];
  doc.querySelectorAll("details").forEach((one) => { one.open = true; });
  const say = (rule, element, more) => bad.push(`${rule}: <${element.tagName.toLowerCase()}> ${(element.textContent || "").trim().slice(0, 40)} ${more || ""}`);
  const colour = (text) => { const parts = text.match(/[\d.]+/g).map(Number); return parts.length < 4 ? [...parts, 1] : parts; };
  const over = (top, below) => [0, 1, 2].map((i) => top[i] * top[3] + below[i] * (1 - top[3])).concat(1);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((value) => { value /= 255; return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => { const [a, b] = [light(one), light(other)].sort((x, y) => y - x); return (a + 0.05) / (b + 0.05); };
  const ground = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const found = colour(view.getComputedStyle(at).backgroundColor);
      layers.push(found);
      if (found[3] === 1) break;
    }
    const canvas = colour(view.getComputedStyle(doc.documentElement).backgroundColor);
    return layers.reverse().reduce((below, top) => over(top, below), canvas[3] === 1 ? canvas : [255, 255, 255, 1]);
  };
  let lowest = 99, texts = 0;
  doc.querySelectorAll("body *").forEach((element) => {
    const own = Array.from(element.childNodes).some((node) => node.nodeType === 3 && node.textContent.trim());
    const style = view.getComputedStyle(element);
    if (!own || ["SCRIPT", "STYLE", "TITLE"].includes(element.tagName) || element.tagName === "title" || style.visibility === "hidden" || !element.getClientRects().length) return;
    const below = ground(element.closest("svg") || element);
    const ink = over(colour(element.closest("svg") ? style.fill : style.color), below);
    const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && Number(style.fontWeight) >= 700);
    const found = ratio(ink, below);
    texts += 1;
    lowest = Math.min(lowest, found);
    if (found < (large ? 3 : 4.5)) say("contrast", element, found.toFixed(2));
    if (parseFloat(style.fontSize) < 11) say("small text", element, style.fontSize);
  });
  let level = 0;
  doc.querySelectorAll("h1,h2,h3,h4,h5,h6").forEach((heading) => {
    const now = Number(heading.tagName[1]);
    if (now > level + 1) say("heading skips a level", heading, `h${level} to h${now}`);
    if (!heading.textContent.trim()) say("empty heading", heading);
    level = now;
  });
  if (doc.querySelectorAll("h1").length !== 1) bad.push("not one h1");
  if (doc.querySelectorAll("main").length !== 1) bad.push("not one main");
  Array.from(doc.body.children).forEach((child) => { if (!["MAIN", "SCRIPT"].includes(child.tagName)) say("outside the landmarks", child); });
  doc.querySelectorAll("a,button,summary,[role=img],th").forEach((element) => {
    if (!(element.getAttribute("aria-label") || element.textContent).trim()) say("no name", element);
  });
  doc.querySelectorAll("svg").forEach((element) => { if (element.getAttribute("role") !== "img") say("no role", element); });
  doc.querySelectorAll("pre").forEach((element) => { if (element.tabIndex !== 0) say("cannot be scrolled by keyboard", element); });
  doc.querySelectorAll("ul,ol").forEach((list) => {
    Array.from(list.children).forEach((item) => { if (item.tagName !== "LI") say("no item of a list", item); });
  });
  doc.querySelectorAll("li").forEach((item) => { if (!["UL", "OL"].includes(item.parentElement.tagName)) say("item without a list", item); });
  doc.querySelectorAll("dl").forEach((list) => {
    const inner = Array.from(list.children).flatMap((child) => child.tagName === "DIV" ? Array.from(child.children) : [child]);
    inner.forEach((item) => { if (!["DT", "DD"].includes(item.tagName)) say("no part of a definition list", item); });
    if (!list.querySelector("dt") && list.children.length) say("definition list without terms", list);
  });
  doc.querySelectorAll("dt,dd").forEach((item) => { if (!item.closest("dl")) say("term without a list", item); });
  const ids = Array.from(doc.querySelectorAll("[id]")).map((element) => element.id);
  ids.filter((id, index) => ids.indexOf(id) !== index).forEach((id) => bad.push(`double id ${id}`));
  if (!doc.documentElement.lang) bad.push("no language");
  if (!doc.title.trim()) bad.push("no title");
  if (/user-scalable\s*=\s*no|maximum-scale/.test(doc.querySelector("meta[name=viewport]").content)) bad.push("cannot be enlarged");
  return { bad, texts, lowest };
}
