// A wire between the browser and Causeway that can be cut: Chromium's own offline mode leaves open streams alone.

import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { world } from "./world.ts";

/** Passes bytes on to Causeway until it is cut. */
export class Wire {
  private whole = true;
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;

  private constructor() {
    this.server = createServer((near) => this.join(near));
  }

  static async begin(): Promise<Wire> {
    const wire = new Wire();
    wire.server.listen(0, "127.0.0.1");
    await once(wire.server, "listening");
    return wire;
  }

  /** The console's address through this wire. */
  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Ends what is open and lets nothing through any more. */
  cut(): void {
    this.whole = false;
    for (const socket of this.sockets) {
      socket.destroy();
    }
  }

  mend(): void {
    this.whole = true;
  }

  async end(): Promise<void> {
    this.cut();
    this.server.close();
    await once(this.server, "close");
  }

  private join(near: Socket): void {
    if (!this.whole) {
      near.destroy();
      return;
    }
    const { hostname, port } = new URL(world.url);
    const far = connect(Number(port), hostname);
    const pairs: [Socket, Socket][] = [[near, far], [far, near]];
    for (const [from, to] of pairs) {
      this.sockets.add(from);
      from.on("data", (bytes) => to.write(bytes));
      // Either side may go at any time, and the other one with it.
      from.on("error", () => to.destroy());
      from.on("close", () => {
        this.sockets.delete(from);
        to.destroy();
      });
    }
  }
}
