#include <cstdio>
#include <string>
#include <vector>

#include "ctl/command.h"

int main(int argc, char** argv) {
  const parikshan::ctl::Answer answer =
      parikshan::ctl::run(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
  if (!answer.error.empty())
    std::fprintf(stderr, "parikshanctl: %s\n", answer.error.c_str());
  const bool written =
      std::fwrite(answer.output.data(), 1, answer.output.size(), stdout) == answer.output.size() &&
      std::fflush(stdout) == 0;
  // A full disk must not look like an answer; a pager that was left early is none of our failures.
  if (!written && answer.code == parikshan::ctl::exit_ok) {
    std::perror("parikshanctl: write the answer");
    return parikshan::ctl::exit_failed;
  }
  return answer.code;
}
