// Marks the words that are sounding while a recording plays, and plays from a word that is clicked.
for (const heard of document.querySelectorAll(".heard:not(.key)")) {
  const audio = heard.querySelector("audio");
  const words = [...heard.querySelectorAll("[data-start]")];
  if (!audio) continue;
  const mark = () => {
    const now = audio.currentTime;
    for (const word of words) {
      const sounds = !audio.ended && now > 0 && now >= +word.dataset.start && now < +word.dataset.end;
      word.classList.toggle("now", sounds);
    }
    if (!audio.paused && !audio.ended) requestAnimationFrame(mark);
  };
  for (const name of ["play", "seeked", "timeupdate", "ended"]) audio.addEventListener(name, mark);
  for (const word of words) {
    word.addEventListener("click", () => {
      audio.currentTime = +word.dataset.start;
      audio.play().catch(() => {}); // refused where a click elsewhere, or the page, stops it again: it then stays quiet
    });
  }
}
