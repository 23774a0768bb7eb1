// odradek/serde: values instead of bytes.
export { buffer, json, type StandardSchema, string } from './serde/basic.js'
export {
  avro,
  jsonSchema,
  protobuf,
  type RegistryClient,
  RegistryError,
  type RegistryOptions,
} from './serde/registry.js'
export {
  TypedConsumer,
  type TypedConsumerOptions,
  type TypedMessage,
  TypedProducer,
  type TypedProducerOptions,
  type TypedRecord,
} from './serde/typed.js'
export {
  type Bytes,
  DecodeError,
  type DeserializeContext,
  type Deserializer,
  EncodeError,
  type Serde,
  type SerializeContext,
  type Serializer,
} from './serde/types.js'
