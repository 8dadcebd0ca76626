export default () => "1"
