// The copy button of a console block takes the commands, without prompts and without what they print.
document.addEventListener("click", event => {
  const button = event.target.closest("button[data-clipboard-target]")
  const code = button && document.querySelector(button.dataset.clipboardTarget)
  if (code && code.querySelector(".gp")) {
    const lines = code.textContent.split("\n").filter(line => line.startsWith("$ "))
    button.dataset.clipboardText = lines.map(line => line.slice(2)).join("\n")
  }
}, true)
