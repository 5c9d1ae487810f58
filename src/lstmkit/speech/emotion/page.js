// Moves a line over a wave while its recording plays, and plays from where a wave is clicked.
for (const told of document.querySelectorAll(".told")) {
  const audio = told.querySelector("audio"), drawing = told.querySelector("svg"), line = told.querySelector(".now");
  const seconds = +told.dataset.seconds, width = drawing.viewBox.baseVal.width;
  const mark = () => {
    const place = Math.min(1, audio.currentTime / seconds) * width;
    line.setAttribute("x1", place);
    line.setAttribute("x2", place);
    line.style.visibility = audio.currentTime > 0 && !audio.ended ? "visible" : "hidden";
    if (!audio.paused && !audio.ended) requestAnimationFrame(mark);
  };
  for (const name of ["play", "seeked", "timeupdate", "ended"]) audio.addEventListener(name, mark);
  drawing.addEventListener("click", (event) => {
    const box = drawing.getBoundingClientRect();
    audio.currentTime = seconds * (event.clientX - box.left) / box.width;
    audio.play().catch(() => {}); // refused where a click elsewhere, or the page, stops it again: it then stays quiet
  });
}
