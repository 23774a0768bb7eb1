# The system's librdkafka instead of the pinned one. 2.13.0 brought the share-consumer API that the addon calls.
find_package(PkgConfig REQUIRED)
pkg_check_modules(RDKAFKA IMPORTED_TARGET rdkafka)
