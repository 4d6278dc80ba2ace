import type { IncomingMessage, ServerResponse } from 'node:http'

/**
 * Calls back when a response is over: written out whole, or its connection gone. May call more than once. A response
 * that is pipelined behind another one hears nothing of its connection until its turn, so that is watched as well.
 */
export function whenOver(req: IncomingMessage, res: ServerResponse, done: () => void): void {
  res.on('close', done)
  if (res.socket !== null) return
  const { socket } = req
  socket.once('close', done)
  res.once('close', () => socket.off('close', done))
}
