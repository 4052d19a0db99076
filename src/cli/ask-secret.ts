import type { ReadStream } from 'node:tty'
import { Fault } from '../base/fault.ts'
import { Sealed } from '../base/sealed.ts'

/**
 * Asks for a line at a keyboard and shows nothing of it; with `twice` the answer is asked again.
 *
 * @throws Fault `PassphraseWrong` when the two differ, `Interrupted` for Ctrl-C or Ctrl-D
 */
export async function askSecret(
  keyboard: ReadStream,
  note: (text: string) => void,
  question: string,
  twice: boolean,
): Promise<Sealed> {
  const first = await readLine(keyboard, note, question)
  if (!twice) return first
  const again = await readLine(keyboard, note, 'Once more: ')
  if (first.open() === again.open()) return first
  throw new Fault('PassphraseWrong', 'The two answers differ. Nothing was changed.')
}

const ENTER = ['\r', '\n']
const ERASE = ['\u007f', '\b']
const END = ['\u0003', '\u0004']

function readLine(
  keyboard: ReadStream,
  note: (text: string) => void,
  question: string,
): Promise<Sealed> {
  return new Promise((resolve, reject) => {
    let typed: string[] = []
    // Without the raw mode the terminal itself would show what is typed.
    keyboard.setRawMode(true)
    keyboard.setEncoding('utf8').resume()
    note(question)
    const end = (): void => {
      keyboard.off('data', take)
      keyboard.setRawMode(false)
      keyboard.pause()
      note('\n')
    }
    const take = (text: string | Buffer): void => {
      for (const character of text.toString()) {
        if (ENTER.includes(character)) {
          end()
          resolve(new Sealed(typed.join('')))
          return
        }
        if (END.includes(character)) {
          end()
          reject(new Fault('Interrupted', 'Nothing was changed.'))
          return
        }
        if (ERASE.includes(character)) typed = typed.slice(0, -1)
        else typed.push(character)
      }
    }
    keyboard.on('data', take)
  })
}
