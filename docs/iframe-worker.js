// Browsers start no worker for a page that was opened from a file. This runs its script in a hidden
// frame instead, so that the search works there, too.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super()
      const frame = Object.assign(document.createElement("iframe"), { hidden: true })
      document.body.append(frame)
      const inner = frame.contentWindow
      const load = (address) =>
        new Promise((done, failed) => {
          const script = inner.document.createElement("script")
          Object.assign(script, { src: address, onload: done, onerror: failed })
          inner.document.head.append(script)
        })
      inner.importScripts = (...all) => all.reduce((before, one) => before.then(() => load(one)), Promise.resolve())
      inner.postMessage = (data) => this.dispatchEvent(new MessageEvent("message", { data }))
      this.inner = inner
      this.ready = load(new URL(url, location))
    }
    postMessage(data) {
      this.ready.then(() => this.inner.dispatchEvent(new this.inner.MessageEvent("message", { data })))
    }
    terminate() {
      this.inner.frameElement.remove()
    }
  }
}
