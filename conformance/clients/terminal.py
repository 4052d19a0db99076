"""Gives a command a terminal of 100 columns and shows what it wrote there.

terminal.py [--send-after TEXT] [--answer] COMMAND...: types Ctrl-C once TEXT has been seen; types a line
of its own standard input whenever a question (text that ends with ': ') has been seen.
"""
import fcntl, os, pty, struct, sys, termios

args = sys.argv[1:]
wanted = args.pop(1).encode() if args[0] == '--send-after' else None
if wanted is not None:
    args.pop(0)
answers = []
if args[0] == '--answer':
    args.pop(0)
    answers = sys.stdin.read().splitlines()
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(args[0], args)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack('HHHH', 30, 100, 0, 0))
seen = b''
while True:
    try:
        piece = os.read(terminal, 65536)
    except OSError:
        break
    if not piece:
        break
    seen += piece
    if answers and seen.endswith(b': '):
        os.write(terminal, answers.pop(0).encode() + b'\r')
    if wanted is not None and wanted in seen:
        os.write(terminal, b'\x03')
        wanted = None
os.write(1, seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
