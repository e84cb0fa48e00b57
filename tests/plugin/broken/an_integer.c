/* refused: wanted tagloom_plugin to be a tl_plugin, got 4 bytes; declare it as: const tl_plugin tagloom_plugin = { ... } */
__attribute__((visibility("default"))) const int tagloom_plugin = 5;
