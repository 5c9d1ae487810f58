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

function drawSheet(name) {
  const tune = JSON.parse(document.getElementById("tune-" + name).textContent);
  ABCJS.renderAbc("sheet-" + name, tune.abc, { responsive: "resize", add_classes: true });
}

// Shows what was expected at the note of a roll that x falls on: bars as long as the probabilities.
function expect(name, x) {
  const place = document.getElementById("expected-" + name);
  if (!place) return;
  const likely = JSON.parse(document.getElementById("tune-" + name).textContent).likely;
  const moment = likely.filter(([from]) => from <= x + 0.5).pop();
  if (!moment || place.dataset.at === String(moment[0])) return;
  place.dataset.at = String(moment[0]);
  const percent = (share) => (100 * share).toFixed(1) + " %";
  const head = document.createElement("div");
  head.textContent = "came: " + moment[1] + ", " + percent(moment[2]) + "; expected:";
  const rows = moment[3].map(([what, share]) => {
    const row = document.createElement("div"), bar = document.createElement("span"), text = document.createElement("span");
    bar.style.cssText = "display:inline-block;height:0.7em;margin-right:8px;background:#2f6fed;width:" + 200 * share + "px";
    if (what === moment[1]) bar.style.background = "#e07b39";
    text.textContent = what + ", " + percent(share);
    row.append(bar, text);
    return row;
  });
  place.replaceChildren(head, ...rows);
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
    if (!part) return;
    const x = part[2] + (now - part[0]) * tune.pace;
    cursor.setAttribute("x", x);
    expect(name, x);
  }, 40);
  playing = { button, audio, cursor, timer, scheduled: tune.notes.length };
}
