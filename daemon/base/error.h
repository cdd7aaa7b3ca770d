#pragma once

#include <cstring>
#include <string>
#include <utility>
#include <variant>

namespace parikshan {

/// What went wrong: `message` says what was being done and to what ("bind 127.0.0.1:3306"),
/// `errnum` is the errno behind it, or 0. Mechanism returns errors and never logs them; main,
/// session and instance code logs each of them once, with what follows from it.
struct Error {
  std::string message;
  int errnum = 0;

  /// One line for people: "bind 127.0.0.1:3306: Address already in use".
  [[nodiscard]] std::string text() const;
};

/// An error from errno as it stands now. Call it before anything else can change errno.
Error errno_error(std::string doing);

/// A value or the Error that prevented it. Recoverable outcomes that a caller is expected to act
/// on (would-block, end of stream) are enums of their module, not errors.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}      // NOLINT: implicit
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT: implicit

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }

  [[nodiscard]] const Error& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error> state_;
};

/// Success, or the Error that prevented it.
template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}  // NOLINT: implicit

  [[nodiscard]] bool ok() const { return ok_; }
  explicit operator bool() const { return ok_; }
  [[nodiscard]] const Error& error() const { return error_; }

 private:
  Error error_;
  bool ok_ = true;
};

}  // namespace parikshan
