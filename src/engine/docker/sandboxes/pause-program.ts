/** The engine's names of machines that {@link pauseProgram} is written for. */
export type Machine = 'amd64' | 'arm64'

/** Where the program is in memory. */
const base = 0x400000
/** The ELF header and the one program header. */
const headers = 64 + 56
/** Page size of the machines that have the largest ones, so that all of them map it. */
const alignment = 0x10000

const machines: Record<Machine, { elf: number; code: Buffer }> = {
  amd64: {
    elf: 0x3e,
    // again: push 34 (pause); pop rax; syscall; jmp again
    code: Buffer.from('6a22580f05ebf9', 'hex'),
  },
  arm64: {
    elf: 0xb7,
    // again: x0 … x4 = 0; x8 = 73 (ppoll: there is no pause here); svc; b again
    code: words(
      0xaa1f03e0,
      0xaa1f03e1,
      0xaa1f03e2,
      0xaa1f03e3,
      0xaa1f03e4,
      0xd2800928,
      0xd4000001,
      0x17fffff9,
    ),
  },
}

/**
 * A program that waits for ever and needs a page or two: what holds a sandbox. It is a few instructions, so that no
 * compiler has to be there and nothing to be downloaded: a static ELF executable (System V ABI, "Object Files").
 */
export function pauseProgram(machine: Machine): Buffer {
  const { elf, code } = machines[machine]
  const file = Buffer.alloc(headers + code.length)
  file.write('\x7fELF', 'latin1')
  file.writeUInt8(2, 4) // 64 bits
  file.writeUInt8(1, 5) // little endian
  file.writeUInt8(1, 6) // version
  file.writeUInt16LE(2, 16) // an executable
  file.writeUInt16LE(elf, 18)
  file.writeUInt32LE(1, 20) // version
  file.writeBigUInt64LE(BigInt(base + headers), 24) // where it begins
  file.writeBigUInt64LE(64n, 32) // the program header's place
  file.writeUInt16LE(64, 52) // sizes of the headers, and how many program headers
  file.writeUInt16LE(56, 54)
  file.writeUInt16LE(1, 56)
  file.writeUInt32LE(1, 64) // to be loaded
  file.writeUInt32LE(5, 68) // to be read and executed
  file.writeBigUInt64LE(BigInt(base), 80)
  file.writeBigUInt64LE(BigInt(base), 88)
  file.writeBigUInt64LE(BigInt(file.length), 96)
  file.writeBigUInt64LE(BigInt(file.length), 104)
  file.writeBigUInt64LE(BigInt(alignment), 112)
  code.copy(file, headers)
  return file
}

function words(...all: number[]): Buffer {
  const code = Buffer.alloc(all.length * 4)
  for (const [n, word] of all.entries()) code.writeUInt32LE(word, n * 4)
  return code
}
