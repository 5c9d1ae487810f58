// Shows what is told of a clip at the moment that is played, and plays a stretch that is clicked.
for (const film of document.querySelectorAll(".film")) {
  const video = film.querySelector("video"), said = film.querySelector("output"), cursor = film.querySelector("s");
  const parts = [...film.querySelectorAll(".strip button")];
  const ends = parts.map((part) => +part.dataset.end);
  const whole = Math.max(...ends);
  const mark = () => {
    const now = video.currentTime;
    cursor.style.left = `${Math.min(100, (100 * now) / whole)}%`;
    let label = "";
    parts.forEach((part, k) => {
      const here = now >= +part.dataset.start && (now < ends[k] || (k === parts.length - 1 && now >= ends[k]));
      part.classList.toggle("now", here);
      if (here) label = part.dataset.label;
    });
    said.textContent = label;
    if (!video.paused && !video.ended) requestAnimationFrame(mark);
  };
  for (const name of ["play", "seeked", "timeupdate", "ended", "loadedmetadata"]) video.addEventListener(name, mark);
  for (const part of parts) {
    part.addEventListener("click", () => {
      video.currentTime = +part.dataset.start;
      video.play().catch(() => {}); // refused where a click elsewhere, or the page, stops it again: it then stays still
    });
  }
}
