# A thin door: CMakeLists.txt describes the build, scripts/build-native.mjs runs it. This makes node-gyp, prebuildify and
# node-gyp-build find the addon where they look for it, build/Release/odradek.node.
{
  'targets': [{
    'target_name': 'odradek',
    'type': 'none',
    'actions': [{
      'action_name': 'cmake',
      'message': 'Building the addon through CMake',
      'inputs': [
        'CMakeLists.txt',
        '<!@(node -p "require(\'fs\').readdirSync(\'native\').map((name) => \'native/\' + name).join(\' \')")'
      ],
      'outputs': ['build/Release/odradek.node'],
      'action': ['node', 'scripts/build-native.mjs']
    }]
  }]
}
