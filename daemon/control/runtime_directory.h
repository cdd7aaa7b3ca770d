#pragma once

#include <string>
#include <string_view>

#include "base/error.h"

namespace parikshan::control {

/// Where instances keep their sockets when nothing else is asked for: /run/parikshan for root,
/// else $XDG_RUNTIME_DIR/parikshan, else /tmp/parikshan-UID. The daemon and parikshanctl share
/// this rule. Reads the environment: call it before threads start.
std::string runtime_directory();

/// The rule alone: `xdg` is $XDG_RUNTIME_DIR, or empty; a relative one is ignored, as the XDG base
/// directory specification asks.
std::string runtime_directory_for(unsigned uid, std::string_view xdg);

/// DIRECTORY/NAME/control, the control socket of an instance.
std::string socket_path(std::string_view directory, std::string_view name);

/// Makes the folder that holds `socket` and that folder's parent where they are missing (0755).
/// Errors: a level cannot be made, is a symbolic link, belongs to neither this user nor root, or
/// can be written by others: in /tmp somebody else may have been there first.
Result<void> make_socket_folder(const std::string& socket);

}  // namespace parikshan::control
