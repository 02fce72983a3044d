// What every script needs of the page.

export const part = (id) => document.getElementById(id);
export const on = (name, act) => document.addEventListener(name, act);
export const parsed = (text) => new DOMParser().parseFromString(text, "text/html");

const region = document.createElement("p");
region.className = "unseen";
region.role = "status";
document.body.append(region);

export const announce = (text) => (region.textContent = text);
