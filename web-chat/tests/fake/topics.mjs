/** Topics: numbered events, kept and fanned out, as the server's own bus does. */
export class Topics {
  #events = new Map();
  #listeners = new Map();

  append(topic, event) {
    const list = this.all(topic);
    const envelope = { seq: list.length + 1, at: new Date().toISOString(), ...event };
    list.push(envelope);
    for (const listen of this.#listeners.get(topic) ?? []) listen(envelope);
    return envelope;
  }

  all(topic) {
    if (!this.#events.has(topic)) this.#events.set(topic, []);
    return this.#events.get(topic);
  }

  follow(topic, after, listen) {
    for (const envelope of this.all(topic)) if (envelope.seq > after) listen(envelope);
    if (!this.#listeners.has(topic)) this.#listeners.set(topic, new Set());
    this.#listeners.get(topic).add(listen);
    return () => this.#listeners.get(topic).delete(listen);
  }
}
