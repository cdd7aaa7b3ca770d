#pragma once

namespace parikshan {

/// Gives back what only starting up needed: free heap, and the pages of program code that were
/// touched so far. Code that runs again is mapped again, page by page, from the page cache. For
/// once, when everything is set up.
void drop_startup_pages();

}  // namespace parikshan
