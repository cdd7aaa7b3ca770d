// parikshand sits beside databases for months; reading a policy, resolving a group and linking a
// dozen libraries happens once. Half of what is resident after that are pages of files that are
// never looked at again, many of them mapped only because the kernel maps sixteen at a time.
#include "base/footprint.h"

#include <malloc.h>
#include <sys/mman.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

namespace parikshan {

namespace {

struct Mapping {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;
  bool droppable = false;  ///< of a file, and not to be written to
};

/// The mapping that a line of /proc/self/smaps begins, or nothing.
bool parse_mapping(const std::string& line, Mapping& mapping) {
  char access[5] = {};
  if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s", &mapping.begin, &mapping.end,
                  access) != 3)
    return false;
  mapping.droppable = access[1] == '-' && access[3] == 'p' && line.find('/') != std::string::npos;
  return true;
}

}  // namespace

void drop_startup_pages() {
  ::malloc_trim(0);
  std::vector<Mapping> clean;
  std::ifstream smaps("/proc/self/smaps");
  Mapping mapping;
  for (std::string line; std::getline(smaps, line);) {
    if (parse_mapping(line, mapping))
      continue;
    unsigned long kilobytes = 0;
    // Read-only data that the linker relocated is private to the process and would be lost.
    if (mapping.droppable && std::sscanf(line.c_str(), "Private_Dirty: %lu kB", &kilobytes) == 1 &&
        kilobytes == 0)
      clean.push_back(mapping);
  }
  for (const Mapping& code : clean) {
    void* const start = reinterpret_cast<void*>(code.begin);  // NOLINT: from the kernel's own list
    ::madvise(start, code.end - code.begin, MADV_RANDOM);
    ::madvise(start, code.end - code.begin, MADV_DONTNEED);
  }
}

}  // namespace parikshan
