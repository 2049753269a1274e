import { createServer, type Server } from "node:net";
import { expect, test } from "vitest";
import { checkPorts, freePorts, host } from "../../cli/ports.ts";

function listen(port: number): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(port, host, () => resolve(server));
  });
}

test("free ports lie below those given to outgoing connections, and no two clusters get the same", async () => {
  const [first, second] = [await freePorts(3), await freePorts(5)];
  expect(first).toHaveLength(3);
  for (const port of [...first, ...second]) {
    expect(port).toBeGreaterThanOrEqual(12_000);
    expect(port).toBeLessThan(30_100);
  }
  expect(new Set([...first, ...second]).size).toBe(8);
});

test("a taken port, a peer's too, is named together with what to do", async () => {
  const [port = 0] = await freePorts(1);
  await expect(checkPorts(port, 1)).resolves.toEqual([port]);
  const server = await listen(port + 1);
  await expect(checkPorts(port, 1)).rejects.toThrow(
    new RegExp(`^port ${port + 1} is in use: .*--base-port`),
  );
  await new Promise((resolve) => server.close(resolve));
});
