// The page of a new annotation: check the file, upload it straight to the store, submit it.

const form = document.getElementById("upload");
const part = Object.fromEntries(
  ["drop", "file", "chosen", "too-large", "too-large-text", "doubt", "send", "cancel", "progress", "progress-text", "bar", "failure", "assembly", "note"]
    .map((id) => [id, document.getElementById(id)]),
);
const limit = form.dataset.limit ? Number(form.dataset.limit) : null;
const most = Number(form.dataset.most);
const token = document.querySelector('meta[name="csrf-token"]').content;

let chosen = null;
let running = null;

document.getElementById("plain").hidden = true;
form.hidden = false;
part.file.value = "";

part.file.addEventListener("change", () => choose(part.file.files[0]));
part.cancel.addEventListener("click", () => running?.abort());
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (chosen && !running) run(chosen);
});
for (const once of document.querySelectorAll("form[data-once]")) {
  once.addEventListener("submit", () => { once.querySelector("button").disabled = true; });
}

part.drop.addEventListener("dragover", (event) => {
  event.preventDefault();
  if (!running) part.drop.classList.add("over");
});
part.drop.addEventListener("dragleave", () => part.drop.classList.remove("over"));
part.drop.addEventListener("drop", (event) => {
  event.preventDefault();
  part.drop.classList.remove("over");
  const file = event.dataTransfer.files[0];
  if (file && !running) {
    part.file.value = "";
    choose(file);
  }
});
// A file dropped beside the zone must not replace the page.
for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());

function choose(file) {
  hide("too-large", "failure", "doubt", "progress");
  chosen = null;
  part.send.disabled = true;
  part.send.textContent = "Upload and annotate";
  if (!file) {
    part.chosen.textContent = "";
    return;
  }
  part.chosen.textContent = `${file.name}, ${size(file.size)}`;
  if (file.size === 0) return fail("The file is empty.", "Choose the VCF itself; an interrupted download often leaves an empty file.");
  if (limit !== null && file.size > limit) {
    part["too-large-text"].textContent =
      `${file.name} has ${file.size.toLocaleString("en")} bytes; the Free plan takes up to ${limit.toLocaleString("en")} bytes. Nothing was uploaded.`;
    part["too-large"].hidden = false;
    return;
  }
  if (file.size > most) return fail(`One upload can carry up to ${size(most)}.`, "Compress the file with bgzip, or split it by chromosome.");
  chosen = file;
  part.send.disabled = false;
  doubt(file);
}

async function doubt(file) {
  const head = new Uint8Array(await file.slice(0, 16).arrayBuffer());
  const text = new TextDecoder().decode(head).replace(/^\uFEFF/, "");
  const gzipped = head[0] === 0x1f && head[1] === 0x8b;
  if (chosen === file && !gzipped && !text.startsWith("##fileformat=VCF")) {
    part.doubt.textContent = "This does not look like a VCF: the first line should begin with ##fileformat=VCF. You can upload it all the same.";
    part.doubt.hidden = false;
  }
}

async function run(file) {
  running = new AbortController();
  const { signal } = running;
  hide("failure");
  part.send.disabled = part.file.disabled = true;
  part.cancel.hidden = part.progress.hidden = false;
  part.bar.value = 0;
  part["progress-text"].textContent = "Preparing";
  try {
    const permit = await post(form.dataset.uploads, { file_name: file.name, size: file.size }, signal);
    await upload(permit, file, signal);
    part.cancel.hidden = true;
    part["progress-text"].textContent = "Submitting";
    const job = await post(form.dataset.jobs, { upload_id: permit.upload_id, assembly: part.assembly.value, note: part.note.value }, signal);
    location.assign(job.location);
  } catch (error) {
    part.progress.hidden = true;
    if (error.name === "AbortError") fail("The upload was cancelled.", "Nothing was submitted.");
    else fail(error.message, error.hint ?? "Check the connection, then try again.");
    part.send.textContent = "Try again";
    part.send.disabled = part.file.disabled = false;
    part.cancel.hidden = true;
    running = null;
  }
}

async function post(url, body, signal) {
  let answer;
  try {
    answer = await fetch(url, {
      method: "POST",
      signal,
      headers: { "Content-Type": "application/json", Accept: "application/json", "X-CSRFToken": token },
      body: JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw failure("The service cannot be reached.");
  }
  if (answer.ok) return answer.json();
  const problem = await answer.json().catch(() => ({}));
  throw failure(problem.detail ?? `The service answered ${answer.status}.`, problem.hint);
}

function upload(permit, file, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const body = new FormData();
    for (const [name, value] of Object.entries(permit.fields)) body.append(name, value);
    body.append("file", file);
    let sent = false;
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      const percent = Math.floor((100 * event.loaded) / event.total);
      part.bar.value = percent;
      part["progress-text"].textContent = `Uploading: ${percent} %, ${size(event.loaded)} of ${size(event.total)}`;
    });
    request.upload.addEventListener("load", () => { sent = true; });
    request.addEventListener("load", () => {
      if (request.status >= 200 && request.status < 300) resolve();
      else reject(refusal(request));
    });
    // All bytes are out but the answer was lost: whether the file is there, the service knows.
    request.addEventListener("error", () => (sent ? resolve() : reject(failure("The upload was interrupted."))));
    request.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")));
    signal.addEventListener("abort", () => request.abort());
    request.open("POST", permit.url);
    request.send(body);
  });
}

function refusal(request) {
  const code = /<Code>(\w+)<\/Code>/.exec(request.responseText)?.[1];
  if (code === "EntityTooLarge") return failure("The file is larger than your plan allows.", "See the plans on the front page.");
  if (code === "EntityTooSmall") return failure("The file is empty.", "Choose the VCF itself.");
  return failure(`The store refused the upload (${code ?? request.status}).`, "Try again: the permission to upload is renewed each time.");
}

function failure(message, hint) {
  return Object.assign(new Error(message), { hint });
}

function fail(message, hint) {
  part.failure.replaceChildren(paragraph(message, "fw-semibold mb-1"), paragraph(hint, "mb-0"));
  part.failure.hidden = false;
}

function paragraph(text, classes) {
  const element = document.createElement("p");
  element.className = classes;
  element.textContent = text;
  return element;
}

function hide(...ids) {
  for (const id of ids) part[id].hidden = true;
}

function size(bytes) {
  if (bytes < 1024) return `${bytes} bytes`;
  let value = bytes;
  for (const unit of ["KiB", "MiB", "GiB"]) {
    value /= 1024;
    if (value < 1024 || unit === "GiB") return `${value.toFixed(1).replace(/\.0$/, "")} ${unit}`;
  }
}
