/** The least of RFC 6455 that a page needs: text frames both ways, ping, close. */
import { createHash } from 'node:crypto';

export function accept(request, socket) {
  const key = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`);
  socket.setNoDelay(true);
  const peer = { onText: () => {}, onClose: () => {}, send, close: () => socket.end(frame(8, Buffer.alloc(0))) };
  let held = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    held = Buffer.concat([held, chunk]);
    for (let read = parse(held); read !== null; read = parse(held)) {
      held = held.subarray(read.size);
      if (read.opcode === 8) peer.close();
      else if (read.opcode === 9) socket.write(frame(10, read.payload));
      else if (read.opcode === 1) peer.onText(read.payload.toString('utf8'));
    }
  });
  socket.on('close', () => peer.onClose());
  socket.on('error', () => peer.onClose());
  return peer;

  function send(text) {
    if (!socket.destroyed) socket.write(frame(1, Buffer.from(text)));
  }
}

function frame(opcode, payload) {
  const n = payload.length;
  if (n < 126) return Buffer.concat([Buffer.from([0x80 | opcode, n]), payload]);
  if (n < 65536) return Buffer.concat([Buffer.from([0x80 | opcode, 126, n >> 8, n & 255]), payload]);
  const head = Buffer.alloc(10);
  head[0] = 0x80 | opcode;
  head[1] = 127;
  head.writeBigUInt64BE(BigInt(n), 2);
  return Buffer.concat([head, payload]);
}

function parse(buffer) {
  if (buffer.length < 6) return null;
  let n = buffer[1] & 127;
  let at = 2;
  if (n === 126) { if (buffer.length < 8) return null; n = buffer.readUInt16BE(2); at = 4; }
  else if (n === 127) { if (buffer.length < 14) return null; n = Number(buffer.readBigUInt64BE(2)); at = 10; }
  if (buffer.length < at + 4 + n) return null;
  const mask = buffer.subarray(at, at + 4);
  const payload = Buffer.from(buffer.subarray(at + 4, at + 4 + n).map((byte, i) => byte ^ mask[i % 4]));
  return { opcode: buffer[0] & 15, payload, size: at + 4 + n };
}
