// Shows the copy buttons and puts what they name on the clipboard. Without script there are none.

const announced = document.createElement("p");
announced.className = "unseen";
announced.setAttribute("role", "status");

async function copy(button) {
  const words = button.querySelector("span");
  const mark = button.querySelector("path");
  const before = [words.textContent, mark.getAttribute("d")];
  if (before[0] === "Copied") return;
  try {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
  } catch {
    announced.textContent = "Not copied. Select the text and copy it by hand.";
    return;
  }
  words.textContent = "Copied";
  mark.setAttribute("d", "m4.5 10.5 3.8 4L15.5 6");
  announced.textContent = "Copied";
  setTimeout(() => {
    words.textContent = before[0];
    mark.setAttribute("d", before[1]);
    announced.textContent = "";
  }, 2000);
}

// Browsers offer the clipboard on https and loopback only.
if (navigator.clipboard) {
  document.body.append(announced);
  for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });
}
