/* operator new and delete of the addon and of the libstdc++ linked into it; the version script keeps them
 * from the process. */
#include <mimalloc-new-delete.h>
