#include "base/error.h"

#include <cerrno>
#include <system_error>

namespace parikshan {

std::string Error::text() const {
  if (errnum == 0)
    return message;
  return message + ": " + std::generic_category().message(errnum);
}

Error errno_error(std::string doing) {
  const int saved = errno;
  return Error{std::move(doing), saved};
}

}  // namespace parikshan
