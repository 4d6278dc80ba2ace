import type Docker from 'dockerode'
import { bounded } from './client.ts'

/*
 * What system calls containers may make: those of today's 64-bit programs that need no privilege, as seccomp(2) tells the
 * kernel. The engine's own profile allows about the same, and also those of 32-bit programs, whose rules take a tenth of
 * the time of a start. Not here, and so refused: namespaces, mounts, modules, keys, clocks, other programs' memory,
 * BPF, performance counters, NUMA, userfaultfd; and io_uring, whose operations no profile sees.
 */

const allowed = `
  accept accept4 access adjtimex alarm arch_prctl bind brk cachestat capget capset chdir chmod chown clock_adjtime
  clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep
  clock_nanosleep_time64 close close_range connect copy_file_range creat dup dup2 dup3 epoll_create epoll_create1
  epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 execve execveat exit
  exit_group faccessat faccessat2 fadvise64 fallocate fanotify_mark fchdir fchmod fchmodat fchmodat2 fchown fchownat
  fcntl fdatasync fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstatfs fsync ftruncate futex
  futex_requeue futex_time64 futex_wait futex_waitv futex_wake futimesat get_robust_list get_thread_area getcpu
  getcwd getdents getdents64 getegid geteuid getgid getgroups getitimer getpeername getpgid getpgrp getpid getppid
  getpriority getrandom getresgid getresuid getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday
  getuid getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel io_destroy io_getevents
  io_pgetevents io_pgetevents_time64 io_setup io_submit ioctl ioprio_get ioprio_set kill landlock_add_rule
  landlock_create_ruleset landlock_restrict_self lchown lgetxattr link linkat listen listxattr llistxattr
  lremovexattr lseek lsetxattr lstat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mkdir
  mkdirat mknod mknodat mlock mlock2 mlockall mmap mprotect mq_getsetattr mq_notify mq_open mq_timedreceive
  mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink mremap mseal msgctl msgget msgrcv msgsnd msync
  munlock munlockall munmap nanosleep newfstatat open openat openat2 pause pidfd_open pidfd_send_signal pipe pipe2
  pkey_alloc pkey_free pkey_mprotect poll ppoll ppoll_time64 prctl pread64 preadv preadv2 prlimit64 ptrace
  process_mrelease pselect6 pselect6_time64 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv
  recvfrom recvmmsg recvmmsg_time64 recvmsg remap_file_pages removexattr rename renameat renameat2 restart_syscall
  rmdir rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
  rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min sched_getaffinity
  sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval sched_rr_get_interval_time64
  sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select semctl semget semop
  semtimedop semtimedop_time64 sendfile sendmmsg sendmsg sendto set_robust_list set_thread_area set_tid_address
  setfsgid setfsuid setgid setgroups setitimer setpgid setpriority setregid setresgid setresuid setreuid setrlimit
  setsid setsockopt setuid setxattr shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4
  socketpair splice stat statfs statx symlink symlinkat sync sync_file_range syncfs sysinfo tee tgkill time
  timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64
  timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64 times tkill truncate umask
  uname unlink unlinkat utime utimensat utimensat_time64 utimes vfork vmsplice wait4 waitid write writev
`

/** Flags of clone(2) that make namespaces. */
const namespaces = 0x7e020000
/** clone3(2) takes its flags from memory, where no profile sees them; who is told that it does not exist uses clone. */
const ENOSYS = 38
/**
 * Families of addresses that sockets may have: AF_UNIX, AF_INET, AF_INET6 and, for the list of interfaces, AF_NETLINK. Of
 * the rest some reach around every network (AF_VSOCK), and some the kernel has little-used code for (AF_ALG).
 */
const families = [1, 2, 10, 16]
/** What personality(2) may be set to: plain Linux, 32-bit addresses, no randomised ones; all ones only asks. */
const personalities = [0, 0x8, 0x20000, 0x20008, 0xffffffff]

/** The names that the engine and seccomp have for the machines that Dormice runs on. */
const architectures: Readonly<Record<string, string>> = {
  x86_64: 'SCMP_ARCH_X86_64',
  aarch64: 'SCMP_ARCH_AARCH64',
}

/** The profile of a machine, as engines take it. */
export function profileOf(architecture: string): string {
  const names = allowed.trim().split(/\s+/)
  const allow = { action: 'SCMP_ACT_ALLOW' }
  return JSON.stringify({
    defaultAction: 'SCMP_ACT_ERRNO',
    architectures: [architecture],
    syscalls: [
      { ...allow, names },
      {
        ...allow,
        names: ['clone'],
        args: [{ index: 0, value: namespaces, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
      },
      ...families.map(value => ({ ...allow, names: ['socket'], args: [equalTo(value)] })),
      ...personalities.map(value => ({ ...allow, names: ['personality'], args: [equalTo(value)] })),
      { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
    ],
  })
}

/** That a system call's first argument is this. */
function equalTo(value: number) {
  return { index: 0, value, op: 'SCMP_CMP_EQ' }
}

/** Which profile the engine is to be given, asked of it once. */
export class Seccomp {
  readonly #docker: Docker
  #profile: Promise<string | undefined> | undefined

  constructor(docker: Docker) {
    this.#docker = docker
  }

  /** Undefined: the engine's own stays, for it has been given another one, or can use none. */
  profile(): Promise<string | undefined> {
    this.#profile ??= this.#ask().catch(error => {
      this.#profile = undefined
      throw error
    })
    return this.#profile
  }

  /** It may be another engine from now on: it is asked, and nobody waits for that. */
  async refresh(): Promise<void> {
    const found = this.#ask()
    // Where it is away once more, what is known of it still holds.
    if (
      await found.then(
        () => true,
        () => false,
      )
    )
      this.#profile = found
  }

  async #ask(): Promise<string | undefined> {
    const info: { Architecture?: string; SecurityOptions?: string[] | null } = await bounded(
      'ask the engine about itself',
      20_000,
      () => this.#docker.info(),
    )
    // "default" was the name of the engine's own until version 23.
    const isOwn = (info.SecurityOptions ?? []).some(option =>
      /^name=seccomp,profile=(default|builtin)$/.test(option),
    )
    const architecture = architectures[info.Architecture ?? '']
    return isOwn && architecture !== undefined ? profileOf(architecture) : undefined
  }
}
