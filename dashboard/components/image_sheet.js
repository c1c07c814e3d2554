// Thumbnails to choose among: a click or a tap takes one or lets it go, a drag with the mouse paints, Shift takes all in
// between; arrows, Space, Shift, Ctrl+A and Esc do the same. What is chosen is reported in the order it was chosen in.
export default function ({ parentElement, data, setStateValue }) {
  const grid = parentElement.querySelector(".grid");
  const here = new Set(data.tiles.map((tile) => tile.id));
  const same = grid.turn === data.turn; // else it was chosen anew elsewhere: on another page, or by a button
  let chosen = same ? grid.chosen.filter((id) => here.has(id)) : [...data.chosen];
  const focused = grid.contains(grid.getRootNode().activeElement);
  let place = same ? Math.min(grid.place, data.tiles.length - 1) : 0; // of the one that keys move on from
  let anchor = place; // from where Shift takes all
  let painting = null; // while the mouse is down: whether it takes or lets go
  let pressed = false; // a mouse acts when it is pressed, so the click that follows says nothing new

  const options = data.tiles.map(build);
  grid.replaceChildren(...options);
  grid.turn = data.turn;
  grid.setAttribute("aria-label", data.title);
  show();
  move(place, focused);

  function build(tile, index) {
    const option = document.createElement("div");
    option.setAttribute("role", "option");
    option.setAttribute("aria-label", [tile.label, tile.answer, ...tile.notes].filter(Boolean).join(", "));
    option.className = tile.faint ? "faint" : "";
    option.place = index;
    option.tabIndex = -1;
    const image = document.createElement("img");
    image.src = tile.image;
    image.alt = "";
    image.draggable = false;
    const caption = document.createElement("p");
    const label = document.createElement("b");
    label.textContent = tile.label;
    caption.append(label);
    if (tile.answer) {
      const answer = document.createElement("i");
      answer.textContent = `× ${tile.answer}`;
      caption.append(answer);
    }
    const notes = document.createElement("small");
    notes.textContent = tile.notes.join(" · ");
    option.append(image, caption, notes);
    return option;
  }

  function show() {
    const now = new Set(chosen);
    options.forEach((option, index) => option.setAttribute("aria-selected", now.has(data.tiles[index].id)));
    grid.chosen = chosen;
  }

  function report() {
    setStateValue("chosen", { turn: data.turn, ids: chosen });
  }

  function choose(indices, wanted) {
    const ids = indices.map((index) => data.tiles[index].id);
    chosen = chosen.filter((id) => !ids.includes(id));
    if (wanted) chosen.push(...ids);
    show();
  }

  function isChosen(index) {
    return chosen.includes(data.tiles[index].id);
  }

  function between(from, to) {
    const step = from <= to ? 1 : -1; // the one that was clicked is the last
    return Array.from({ length: Math.abs(to - from) + 1 }, (_, index) => from + step * index);
  }

  function move(to, focus = true) {
    if (!options.length) return;
    if (options[place]) options[place].tabIndex = -1;
    place = grid.place = Math.max(0, Math.min(options.length - 1, to));
    options[place].tabIndex = 0;
    if (focus) options[place].focus({ preventScroll: false });
  }

  function at(event) {
    return event.target.closest("[role=option]")?.place;
  }

  function act(index, shift) {
    if (shift) {
      choose(between(anchor, index), true);
    } else {
      choose([index], !isChosen(index));
      anchor = index;
    }
    move(index);
  }

  grid.onpointerdown = (event) => {
    const index = at(event);
    pressed = event.pointerType === "mouse" && event.button === 0 && index !== undefined;
    if (!pressed) return;
    event.preventDefault(); // no text is marked
    act(index, event.shiftKey);
    painting = event.shiftKey ? null : isChosen(index);
    addEventListener("pointerup", () => ((painting = null), report()), { once: true });
  };
  grid.onpointerover = (event) => {
    const index = at(event);
    if (painting === null || index === undefined || isChosen(index) === painting) return;
    choose([index], painting);
    move(index);
  };
  grid.onclick = (event) => {
    const index = at(event);
    if (index === undefined || pressed) return;
    act(index, event.shiftKey);
    report();
  };
  grid.onkeydown = (event) => {
    if (!options.length || event.altKey) return;
    const across = options.filter((option) => option.offsetTop === options[0].offsetTop).length;
    const steps = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -across, ArrowDown: across, Home: -place, End: options.length };
    const all = (event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "a";
    if (event.key in steps && !event.ctrlKey && !event.metaKey) {
      const from = place;
      if (place + steps[event.key] < 0 || (event.key === "ArrowDown" && place + across >= options.length)) {
        event.preventDefault();
        return;
      }
      move(place + steps[event.key]);
      if (event.shiftKey) {
        choose(between(from, place), true);
        report();
      } else {
        anchor = place;
      }
    } else if (event.key === " " || event.key === "Enter") {
      act(place, event.shiftKey);
      report();
    } else if (all) {
      choose(between(0, options.length - 1), true);
      report();
    } else if (event.key === "Escape" && chosen.length) {
      choose(between(0, options.length - 1), false);
      report();
    } else {
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  };
}
