// Lets the wall clock jump, for the gateway and the dispatcher, by the seconds in a shared file.
//
// What the program itself asks (Python: `time.time`, `datetime.now`) is shifted; what libraries in
// the process ask is not: they hand moments on to the kernel to wait for, whose clock stands still.

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <initializer_list>

#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <unistd.h>

namespace {

using Told = int (*)(clockid_t, timespec *);

const volatile int64_t *shift = nullptr;

struct Range {
    uintptr_t first, last;
};
Range code[8];
int ranges = 0;

int note(dl_phdr_info *info, size_t, void *) {
    // The program has no name.
    if (info->dlpi_name[0] != '\0' && strstr(info->dlpi_name, "libpython") == nullptr) return 0;
    for (int i = 0; i < info->dlpi_phnum && ranges < 8; ++i) {
        const auto &part = info->dlpi_phdr[i];
        if (part.p_type == PT_LOAD && (part.p_flags & PF_X)) {
            uintptr_t first = info->dlpi_addr + part.p_vaddr;
            code[ranges++] = {first, first + part.p_memsz};
        }
    }
    return 0;
}

bool is_ours() {
    char line[4096];
    int file = open("/proc/self/cmdline", O_RDONLY);
    if (file < 0) return false;
    ssize_t size = read(file, line, sizeof line);
    close(file);
    for (const char *name : {"workers", "services.gateway"}) {
        size_t length = strlen(name) + 1;
        for (ssize_t i = 1; i + static_cast<ssize_t>(length) <= size; ++i) {
            if (line[i - 1] == '\0' && memcmp(line + i, name, length) == 0) return true;
        }
    }
    return false;
}

__attribute__((constructor)) void begin() {
    const char *path = getenv("CHAOS_CLOCK");
    if (path == nullptr || !is_ours()) return;
    int file = open(path, O_RDONLY);
    if (file < 0) return;
    void *there = mmap(nullptr, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    close(file);
    if (there == MAP_FAILED) return;
    dl_iterate_phdr(note, nullptr);
    shift = static_cast<const volatile int64_t *>(there);
}

int64_t shifted(void *caller) {
    if (shift == nullptr) return 0;
    auto from = reinterpret_cast<uintptr_t>(caller);
    for (int i = 0; i < ranges; ++i) {
        if (code[i].first <= from && from < code[i].last) return *shift;
    }
    return 0;
}

int told(clockid_t which, timespec *moment) {
    static Told real = reinterpret_cast<Told>(dlsym(RTLD_NEXT, "clock_gettime"));
    return real(which, moment);
}

}  // namespace

extern "C" {

int clock_gettime(clockid_t which, timespec *moment) noexcept {
    int status = told(which, moment);
    if (status == 0 && (which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE)) {
        moment->tv_sec += shifted(__builtin_return_address(0));
    }
    return status;
}

int gettimeofday(timeval *moment, void *) noexcept {
    timespec now;
    int status = told(CLOCK_REALTIME, &now);
    moment->tv_sec = now.tv_sec + shifted(__builtin_return_address(0));
    moment->tv_usec = now.tv_nsec / 1000;
    return status;
}

time_t time(time_t *moment) noexcept {
    timespec now;
    told(CLOCK_REALTIME, &now);
    time_t seconds = now.tv_sec + shifted(__builtin_return_address(0));
    if (moment != nullptr) *moment = seconds;
    return seconds;
}

}
