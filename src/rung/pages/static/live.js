// A running climb, asked for once a second while the page is looked at; without this the page loads itself again.
(() => {
  const live = document.getElementById("live"), status = document.getElementById("status"), said = document.getElementById("said");
  async function look() {
    if (document.hidden) return again(1000);
    try {
      const answer = await fetch(`${live.dataset.src}?version=${encodeURIComponent(live.dataset.version)}`);
      if (!answer.ok) throw new Error(answer.status);
      const now = await answer.json();
      if (!now.running) return location.reload();
      status.textContent = now.status;
      if (now.html !== null) live.innerHTML = now.html;
      if (now.said && now.said !== said.textContent) said.textContent = now.said;
      live.dataset.version = now.version;
      again(1000);
    } catch {
      again(4000); // the server is away: the climb goes on, and so does this
    }
  }
  const again = (pause) => setTimeout(look, pause);
  again(700);
})();
