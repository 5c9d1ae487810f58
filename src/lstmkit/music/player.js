// Plays the tunes of the page with the browser's own synthesiser; a line runs along the roll of what is played.
let playing = null;

function stopTune() {
  if (!playing) return;
  clearInterval(playing.timer);
  playing.audio.close();
  playing.cursor.setAttribute("visibility", "hidden");
  playing.button.textContent = "▶ play";
  playing = null;
}

function playTune(button, name) {
  const again = playing && playing.button === button;
  stopTune();
  if (again) return;
  const tune = JSON.parse(document.getElementById("tune-" + name).textContent);
  const roll = document.getElementById("roll-" + name), cursor = roll.querySelector(".cursor");
  const audio = new (window.AudioContext || window.webkitAudioContext)();
  const begin = audio.currentTime + 0.1;
  for (const [start, length, pitch] of tune.notes) {
    const tone = audio.createOscillator(), level = audio.createGain();
    tone.type = "triangle";
    tone.frequency.value = 440 * Math.pow(2, (pitch - 69) / 12);
    level.gain.setValueAtTime(0, begin + start);
    level.gain.linearRampToValueAtTime(0.22, begin + start + 0.015);
    level.gain.setTargetAtTime(0, begin + start + 0.8 * length, 0.04);
    tone.connect(level).connect(audio.destination);
    tone.start(begin + start);
    tone.stop(begin + start + length + 0.2);
  }
  const end = Math.max(...tune.notes.map(([start, length]) => start + length));
  cursor.setAttribute("visibility", "visible");
  button.textContent = "■ stop";
  const timer = setInterval(() => {
    const now = audio.currentTime - begin;
    if (now > end + 0.2) return stopTune();
    const part = tune.parts.find(([from, until]) => now >= from && now < until);
    if (part) cursor.setAttribute("x", part[2] + (now - part[0]) * tune.pace);
  }, 40);
  playing = { button, audio, cursor, timer, scheduled: tune.notes.length };
}
