// Marks what is told of the moment that is played of a recording or a clip, and plays from what is clicked.
for (const played of document.querySelectorAll(".played")) {
  const media = played.querySelector("audio, video");
  if (!media) continue;
  const said = played.querySelector("output"), along = played.querySelector(".along");
  const parts = [...played.querySelectorAll("[data-start]")], drawing = played.querySelector(".along svg");
  const seconds = +played.dataset.seconds, begin = +(played.dataset.begin || 0);
  const mark = () => {
    const now = Math.max(0, media.currentTime - begin);
    let label = "";
    for (const part of parts) {
      const here = now >= +part.dataset.start && now < +part.dataset.end;
      part.classList.toggle("now", here);
      if (here) label = part.dataset.label || "";
    }
    if (said) said.textContent = label;
    if (along) along.style.setProperty("--place", Math.min(1, now / seconds));
    if (!media.paused && !media.ended) requestAnimationFrame(mark);
  };
  const playFrom = (second) => {
    media.currentTime = begin + second;
    media.play().catch(() => {}); // refused where a click elsewhere, or the page, stops it again: it then stays still
  };
  for (const name of ["play", "seeked", "timeupdate", "ended", "loadedmetadata"]) media.addEventListener(name, mark);
  for (const part of parts) part.addEventListener("click", () => playFrom(+part.dataset.start));
  if (drawing) {
    drawing.addEventListener("click", (event) => {
      const box = drawing.getBoundingClientRect();
      playFrom((seconds * (event.clientX - box.left)) / box.width);
    });
  }
}
