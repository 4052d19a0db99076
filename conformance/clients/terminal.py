"""Gives a command a terminal of 100 columns and shows what it wrote there.

terminal.py [--send-after TEXT] COMMAND...: types Ctrl-C once TEXT has been seen.
"""
import fcntl, os, pty, struct, sys, termios

args = sys.argv[1:]
wanted = args.pop(1).encode() if args[0] == '--send-after' else None
if wanted is not None:
    args.pop(0)
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
    if wanted is not None and wanted in seen:
        os.write(terminal, b'\x03')
        wanted = None
os.write(1, seen)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
